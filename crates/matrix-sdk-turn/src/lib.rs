#![doc = "TODO"]

mod clock;
mod credentials;
#[cfg(feature = "client")]
mod homeserver;
mod ice;
mod policy;
pub mod schedule;
mod service;
mod source;
mod unavailable;
#[cfg(feature = "widget")]
pub mod widget;



pub use matrix_sdk;

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
    ice::RtcIceServer,
    policy::{InvalidPolicy, RefreshPolicy, RefreshPolicyBuilder},
    schedule::TurnState,
    service::{TurnService, TurnServiceBuilder, TurnStates},
    source::{Answer, TurnServerSource},
    unavailable::{MatrixError, Unavailable, UnavailableReason},
};
