//! TURN credentials for every client built on [matrix-sdk].
//!
//! A client that places calls needs the homeserver's TURN servers, and credentials that have not
//! expired by the time that the call uses them. This crate keeps such credentials: as a [`Stream`]
//! for the client's own transport layer, and by
//! [MSC3846](https://github.com/matrix-org/matrix-spec-proposals/pull/3846) for the widgets that it
//! hosts.
//!
//! # The account's credentials
//!
//! [`TurnService`] is made once per account, and cloned to whoever needs it. However many watch, the
//! homeserver is asked about 1.5 times per TTL.
//!
//! ```no_run
//! use matrix_sdk_turn::{Timestamp, TurnService};
//!
//! # #[cfg(feature = "client")]
//! # async fn example(client: matrix_sdk::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let turn = TurnService::new(&client);
//!
//! // For one call: the credentials that are held, or else a request.
//! let server = turn.get().await?;
//! println!("{:?}, for another {:?}", server.uris(), server.valid_for(Timestamp::now()));
//!
//! // For as long as there are calls: what there is to use, the newest only.
//! let mut states = turn.subscribe();
//! while let Some(state) = states.next().await {
//!     if let Some(why) = state.unavailable() {
//!         println!("{why}");
//!     }
//!     // What `new RTCPeerConnection({ iceServers })` takes.
//!     let ice_servers = serde_json::to_string(&state.ice_servers())?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Three calls tell it what it cannot know by itself: [`TurnService::refresh`] when the network
//! changed or the app resumed, [`TurnService::report_rejected`] when a TURN server did not accept the
//! credentials, and [`TurnService::end_session`] when the user logs out.
//!
//! # A widget
//!
//! [`TurnServerCapability`] makes a driver and a handle that stand in for the SDK's `WidgetDriver`
//! and `WidgetDriverHandle`. A client that has those changes the lines where they are made and run:
//!
//! ```no_run
//! # #[cfg(all(feature = "client", feature = "widget"))]
//! # mod widget {
//! use matrix_sdk::{Room, widget::WidgetSettings};
//! use matrix_sdk_turn::{
//!     CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, async_trait,
//! };
//!
//! struct AskTheUser;
//!
//! #[async_trait]
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
//! async fn host(settings: WidgetSettings, room: Room) {
//!     let (driver, handle) = TurnServerCapability::shared().widget_driver(settings);
//!     tokio::spawn(driver.run(room, AskTheUser));
//!     while let Some(message) = handle.recv().await {
//!         // To the web view; and what comes from there goes to `handle.send`.
//! #       drop(message);
//!     }
//! }
//! # }
//! ```
//!
//! # What is promised
//!
//! - **Never stale.** Credentials are withdrawn the second they expire, on whichever of the
//!   monotonic and the wall clock is ahead, and are refreshed well before.
//! - **Never hammering.** One request at a time, with jitter and backoff, and none before either clock
//!   has passed the homeserver's `retry_after`. Without subscribers there are no requests and no timers.
//! - **A hostile widget gets nowhere.** Only the client's provider grants anything, and everything
//!   held for a widget has a limit.
//! - **No secret is shown.** `Debug`, `Display` and logs hold neither password nor username nor
//!   access token. The library's own copies of username and password are wiped.
//! - **Nothing is left behind.** Whatever is dropped, in whatever order and on whatever thread: no
//!   task and no `Client` outlives it, and no destructor panics. Only a request that was sent
//!   already ends by itself, within seconds, since the SDK may be refreshing a token for it.
//!
//! What outlives the process, and what is used where the homeserver has nothing, is for the client to
//! say: [`TurnServiceBuilder::persist`] and [`TurnServiceBuilder::fallback`].
//!
//! At short TTLs, "never hammering" wins: with one request in 10 s at most, the refresh is late below a
//! TTL of 15 s, and at one of 10 s or less credentials run out before it.
//!
//! # Features
//!
//! - `client` (default): [`HomeserverSource`], [`ClientStore`], [`TurnService::new`] and
//!   [`TurnService::shared`]. It turns on no feature of matrix-sdk.
//! - `widget` (default): the `widget` module. It turns on matrix-sdk's `experimental-widgets`.
//! - `server`: nothing. ruma's macros insist on a feature of that name.
//!
//! Everything runs on tokio, on the platforms that matrix-sdk runs on with it: not in a browser.
//!
//! [matrix-sdk]: https://docs.rs/matrix-sdk/latest/matrix_sdk/
//! [`Stream`]: https://docs.rs/futures-core/latest/futures_core/stream/trait.Stream.html

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide.md")]
mod guide {}

mod clock;
mod credentials;
#[cfg(test)]
mod explore;
// For fuzz targets: no part of the stable API.
#[doc(hidden)]
pub mod fuzzing;
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
mod status;
mod store;
mod unavailable;
mod uri;
#[cfg(feature = "widget")]
pub mod widget;

#[doc(inline)]
pub use async_trait::async_trait;
pub use matrix_sdk;
pub use url;

#[cfg(feature = "widget")]
#[doc(inline)]
pub use self::widget::{
    CapabilitiesWithTurn, DenyTurnServers, GrantTurnServers, Sent, TurnCapabilitiesProvider,
    TurnServerCapability, TurnWidgetDriver, TurnWidgetDriverHandle,
};

#[cfg(feature = "client")]
pub use self::homeserver::{ClientStore, HomeserverSource};
pub use self::{
    clock::{Clock, Deadline, SystemClock, Timestamp},
    credentials::TurnServer,
    ice::{IceServer, RtcIceServer, SecretUri, TurnEndpoint},
    policy::{InvalidPolicy, RefreshPolicy, RefreshPolicyBuilder},
    service::{InvalidFallback, Refresh, TurnService, TurnServiceBuilder, TurnStates},
    source::{Answer, SessionEvent, TurnServerSource},
    state::TurnState,
    status::{TurnStateKind, TurnStatus},
    store::{StoreError, TurnServerStore},
    unavailable::{MatrixError, Unavailable, UnavailableReason},
    uri::{IceScheme, IceTransport, IceUri, InvalidIceUri, LeftOutUri},
};
