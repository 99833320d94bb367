//! TURN credentials for every client built on [matrix-sdk](matrix_sdk).
//!
//! Clients that place calls need the homeserver's TURN servers, and credentials that have not
//! expired by the time the call needs them. This crate keeps them: as a [`Stream`] for the client's
//! own transport layer, and by
//! [MSC3846](https://github.com/matrix-org/matrix-spec-proposals/pull/3846) for the widgets it
//! hosts, Element Call for one.
//!
//! # The account's credentials
//!
//! [`TurnService`] is made once per account, and cloned to whoever needs it. However many watch, the
//! homeserver is asked once per TTL.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use matrix_sdk_turn::{Timestamp, TurnService, TurnState};
//!
//! # async fn example(client: matrix_sdk::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let turn = TurnService::new(&client);
//!
//! // For one call: the credentials that are held, or else a request.
//! let server = turn.get().await?;
//! println!("{:?}, for another {:?}", server.uris(), server.valid_for(Timestamp::now()));
//!
//! // For as long as there are calls: a stream of what there is to use, the newest only.
//! let mut states = turn.subscribe();
//! while let Some(state) = states.next().await {
//!     match &state {
//!         TurnState::Available(_) => {}
//!         TurnState::Unavailable(why) => println!("{why}"),
//!     }
//!     // What `new RTCPeerConnection({ iceServers })` takes.
//!     let ice_servers = serde_json::to_string(&state.ice_servers())?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Two calls make it better still: [`TurnService::refresh`] when the network changed or the app
//! resumed, and [`TurnService::report_rejected`] when a TURN server did not accept the credentials.
//!
//! # A widget
//!
//! [`TurnServerCapability`] makes a driver and a handle that stand in for the SDK's. Code that has a
//! [`WidgetDriver`](matrix_sdk::widget::WidgetDriver) changes where it is made:
//!
//! ```no_run
//! # #[cfg(feature = "widget")]
//! # mod widget {
//! use matrix_sdk::{Room, widget::WidgetSettings};
//! use matrix_sdk_turn::{
//!     CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, TurnService,
//! };
//!
//! struct AskTheUser;
//!
//! impl TurnCapabilitiesProvider for AskTheUser {
//!     async fn acquire_capabilities(
//!         &self,
//!         requested: CapabilitiesWithTurn,
//!     ) -> CapabilitiesWithTurn {
//!         // A prompt, usually: `requested.turn_servers` tells whether TURN is in it.
//!         requested
//!     }
//! }
//!
//! async fn host(turn: TurnService, settings: WidgetSettings, room: Room) {
//!     let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings);
//!     tokio::spawn(driver.run(room, AskTheUser));
//!     while let Some(message) = handle.recv().await {
//!         // … to the web view; and what comes from there to `handle.send`.
//! #       drop(message);
//!     }
//! }
//! # }
//! ```
//!
//! # What is promised
//!
//! - **Never stale.** Credentials are withdrawn the second they expire, on whichever of the
//!   monotonic and the wall clock is ahead, and are refreshed well before. See [`schedule`].
//! - **Never hammering.** One request at a time; jitter, backoff, and the homeserver's
//!   `retry_after` kept to. Nobody subscribed: no requests, no timers.
//! - **A hostile widget gets nowhere.** Only the client's provider grants anything, and everything
//!   held for a widget has a limit. See [`widget`].
//! - **No secret is shown.** `Debug`, `Display` and logs hold neither password nor username nor
//!   access token; memory is wiped.
//!
//! # Features
//!
//! - `client` (default): [`HomeserverSource`] and [`TurnService::new`].
//! - `widget` (default): the [`widget`] module.
//! - `server`: nothing. ruma's macros insist on a feature of that name.
//!
//! Everything runs on tokio, on the platforms that matrix-sdk runs on with it: not in a browser.
//!
//! [`Stream`]: futures_core::Stream

mod clock;
mod credentials;
#[cfg(feature = "client")]
mod homeserver;
mod ice;
mod policy;
mod runtime;
// For simulators and benchmarks: no part of the stable API.
#[doc(hidden)]
pub mod schedule;
mod service;
mod source;
mod state;
mod unavailable;
mod uri;
#[cfg(feature = "widget")]
pub mod widget;

pub use async_trait::async_trait;
pub use matrix_sdk;
pub use url;

#[cfg(feature = "widget")]
pub use self::widget::{
    CapabilitiesWithTurn, GrantTurnServers, Sent, TurnCapabilitiesProvider, TurnServerCapability,
    TurnWidgetDriver, TurnWidgetDriverHandle,
};

#[cfg(feature = "client")]
pub use self::homeserver::HomeserverSource;
pub use self::{
    clock::{Clock, Deadline, SystemClock, Timestamp},
    credentials::TurnServer,
    ice::{IceServer, RtcIceServer, SecretUri, TurnEndpoint},
    policy::{InvalidPolicy, RefreshPolicy, RefreshPolicyBuilder},
    service::{Refresh, TurnService, TurnServiceBuilder, TurnStates},
    source::{Answer, SessionEvent, TurnServerSource},
    state::TurnState,
    unavailable::{MatrixError, Unavailable, UnavailableReason},
    uri::{IceScheme, IceTransport, IceUri, InvalidIceUri, LeftOutUri},
};
