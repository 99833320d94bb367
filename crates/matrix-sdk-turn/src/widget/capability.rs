//! The capability to watch TURN servers: its identifiers, and how it is set up.

use std::sync::Arc;

use matrix_sdk::Room;
use tokio::runtime::Handle;

#[cfg(feature = "client")]
use crate::clock::SystemClock;
use crate::{clock::Clock, service::TurnService};

/// The identifiers of the capability: the unstable one, and the one MSC3846 proposes.
pub(crate) const TURN_SERVERS: [&str; 2] = ["town.robin.msc3846.turn_servers", "m.turn_servers"];

/// The version of the widget API that says that the actions of MSC3846 are supported.
pub(crate) const API_VERSION: &str = "town.robin.msc3846";

/// Adds [MSC3846](https://github.com/matrix-org/matrix-spec-proposals/pull/3846) to the SDK's
/// widget machinery: a widget that is granted it can watch the account's TURN servers.
///
/// Make one, and a driver from it for every widget. It can be made without
/// arguments; then each driver uses the credentials of the session that its room belongs to:
///
/// ```no_run
/// # #[cfg(feature = "client")]
/// # async fn example(room: matrix_sdk::Room, settings: matrix_sdk::widget::WidgetSettings) {
/// # use matrix_sdk::widget::{Capabilities, CapabilitiesProvider};
/// # struct Provider;
/// # impl CapabilitiesProvider for Provider {
/// #     async fn acquire_capabilities(&self, capabilities: Capabilities) -> Capabilities {
/// #         capabilities
/// #     }
/// # }
/// use matrix_sdk_turn::{GrantTurnServers, TurnServerCapability};
///
/// let (driver, handle) = TurnServerCapability::shared().widget_driver(settings);
/// tokio::spawn(driver.run(room, GrantTurnServers(Provider)));
/// # drop(handle);
/// # }
/// ```
///
/// Or it is made from a [`TurnService`] of the client's.
#[derive(Clone, Debug)]
pub struct TurnServerCapability {
    pub(super) account: Account,
    pub(super) empty_update_when_unavailable: bool,
    pub(super) fallback_for_widgets: bool,
}

/// Whose credentials a widget is given.
#[derive(Clone, Debug)]
pub(super) enum Account {
    OfService(TurnService),
    #[cfg(feature = "client")]
    /// Of the session that the widget's room belongs to. With the runtime that it was made on, if it
    /// was made on one.
    OfRoom(Option<Handle>),
}

impl Account {
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::OfService(turn) => turn.clock(),
            #[cfg(feature = "client")]
            Self::OfRoom(_) => Arc::new(SystemClock),
        }
    }

    /// Where what the service holds is dropped, if that is known yet.
    pub(super) fn runtime(&self) -> Option<Handle> {
        match self {
            Self::OfService(turn) => Some(turn.runtime()),
            #[cfg(feature = "client")]
            Self::OfRoom(runtime) => runtime.clone(),
        }
    }

    /// The service for a widget in `room`.
    #[cfg_attr(
        not(feature = "client"),
        allow(unused_variables, reason = "there is no such account")
    )]
    pub(super) fn service(self, room: &Room) -> TurnService {
        match self {
            Self::OfService(turn) => turn,
            #[cfg(feature = "client")]
            Self::OfRoom(_) => TurnService::shared(&room.client()),
        }
    }
}

impl TurnServerCapability {
    /// Hands the credentials of `turn` to the widgets that are granted them.
    pub fn new(turn: TurnService) -> Self {
        Self::of(Account::OfService(turn))
    }

    /// Hands to each widget that is granted them the credentials of the session that its room
    /// belongs to. The driver takes them from [`TurnService::shared`] when it runs, so all drivers
    /// of one session share one service.
    #[cfg(feature = "client")]
    pub fn shared() -> Self {
        Self::of(Account::OfRoom(Handle::try_current().ok()))
    }

    fn of(account: Account) -> Self {
        Self { account, empty_update_when_unavailable: false, fallback_for_widgets: false }
    }

    /// Whether a widget that watches is sent an update with an empty list of URIs when there are no
    /// valid credentials, as the MSC allows. By default it is sent nothing then.
    ///
    /// Only for widgets that are known to cope: one that hands the list to
    /// `new RTCPeerConnection({ iceServers: [{ urls: [] }] })` gets an exception in its next call.
    #[must_use]
    pub fn empty_update_when_unavailable(mut self, yes: bool) -> Self {
        self.empty_update_when_unavailable = yes;
        self
    }

    /// Whether widgets are given the client's own ICE servers
    /// ([`TurnServiceBuilder::fallback`](crate::TurnServiceBuilder::fallback)) as well, where the
    /// homeserver has none and the user wants them used. By default they are not: to a widget, TURN
    /// servers are the homeserver's.
    #[must_use]
    pub fn fallback_for_widgets(mut self, yes: bool) -> Self {
        self.fallback_for_widgets = yes;
        self
    }
}
