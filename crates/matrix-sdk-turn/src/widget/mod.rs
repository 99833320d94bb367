//! TURN for widgets: MSC3846 on matrix-sdk's widget machinery.
//!
//! [`TurnWidgetDriver`] and [`TurnWidgetDriverHandle`] stand in for the SDK's
//! [`WidgetDriver`] and
//! [`WidgetDriverHandle`], which they wrap. What has nothing
//! to do with TURN passes through them unchanged, in order, without another task in between.
//!
//! # When a page loads again
//!
//! Where the whole page goes, its driver and handle go with it, and a new page gets new ones. In a
//! page that stays, a widget whose own page loads again **must** get a new driver too. The SDK
//! negotiates capabilities once per driver, so a widget built on matrix-js-sdk would wait for the
//! negotiation for ever.
//!
//! A widget that does not wait for that may keep its driver. It goes on being sent updates, and once
//! it has said `content_loaded`, its next `watch_turn_servers` is answered with the current
//! credentials as well.
//!
//! # Limits
//!
//! A widget is a foreign program. Whatever it sends, the library holds at most this much for it:
//! 15 `watch_turn_servers` requests that are not answered yet, 64 responses that the client has not
//! received yet and then those to the 15, and one update. Requests beyond that are dropped, with a
//! warning in the log for each burst of them. A message from the widget of more than 64 KiB is not
//! looked at: it goes to the SDK, which refuses what it does not know. The SDK's messages and ours
//! take turns, so that neither holds up the other.
//!
//! [`WidgetDriver`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriver.html
//! [`WidgetDriverHandle`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriverHandle.html

mod capability;
mod driver;
mod handle;
mod link;
pub(crate) mod machine;
pub(crate) mod message;
mod provider;
mod sdk;
mod signal;

pub use self::{
    capability::TurnServerCapability,
    driver::TurnWidgetDriver,
    handle::{Sent, TurnWidgetDriverHandle},
    provider::{CapabilitiesWithTurn, DenyTurnServers, GrantTurnServers, TurnCapabilitiesProvider},
};
