//! TURN for widgets: MSC3846 on matrix-sdk's widget machinery.
//!
//! [`TurnWidgetDriver`] and [`TurnWidgetDriverHandle`] stand in for the SDK's
//! [`WidgetDriver`](matrix_sdk::widget::WidgetDriver) and
//! [`WidgetDriverHandle`](matrix_sdk::widget::WidgetDriverHandle), which they wrap. What has nothing
//! to do with TURN passes through them unchanged, in order, without another task in between.
//!
//! # Limits
//!
//! A widget is somebody else's program. Whatever it sends, at most this much is held for it:
//! 15 `watch_turn_servers` requests that are not answered yet, 64 responses that the client has not
//! received yet and then those to the 15, and one update. Requests beyond that are dropped, with a
//! warning in the log. A message of more than 64 KiB is not looked at: it goes to the SDK, which
//! refuses what it does not know.

mod capability;
mod driver;
mod machine;
mod message;
mod sdk;

pub use self::{
    capability::{
        CapabilitiesWithTurn, GrantTurnServers, TurnCapabilitiesProvider, TurnServerCapability,
    },
    driver::{Sent, TurnWidgetDriver, TurnWidgetDriverHandle},
};
