//! The capability to watch TURN servers: its identifiers, who grants it, and how it is set up.

use std::future::Future;

use matrix_sdk::widget::{Capabilities, CapabilitiesProvider};

use crate::service::TurnService;

/// The identifiers of the capability: the unstable one, and the one MSC3846 proposes.
pub(crate) const TURN_SERVERS: [&str; 2] = ["town.robin.msc3846.turn_servers", "m.turn_servers"];

/// The version of the widget API that says that the actions of MSC3846 are supported.
pub(crate) const API_VERSION: &str = "town.robin.msc3846";

/// Adds [MSC3846](https://github.com/matrix-org/matrix-spec-proposals/pull/3846) to the SDK's
/// widget machinery: a widget that is granted it can watch the account's TURN servers.
///
/// Make one from the account's [`TurnService`], and a driver from it for every widget.
#[derive(Clone, Debug)]
pub struct TurnServerCapability {
    pub(crate) turn: TurnService,
    pub(crate) empty_update_when_unavailable: bool,
}

impl TurnServerCapability {
    /// Hands the credentials of `turn` to the widgets that are granted them.
    pub fn new(turn: TurnService) -> Self {
        Self { turn, empty_update_when_unavailable: false }
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
}

/// The SDK's [`Capabilities`] together with the one it does not know.
#[derive(Clone, Debug, Default)]
pub struct CapabilitiesWithTurn {
    /// What the SDK knows of.
    pub capabilities: Capabilities,
    /// Access to the account's TURN servers: their URIs, and a username and password which let the
    /// widget send traffic through them.
    pub turn_servers: bool,
}

/// Decides which capabilities a widget is granted, usually by asking the user: the SDK's
/// [`CapabilitiesProvider`], extended by TURN. It is asked once for everything.
///
/// Every [`CapabilitiesProvider`] is one that never grants TURN; [`GrantTurnServers`] makes it one
/// that always does.
pub trait TurnCapabilitiesProvider: Send + Sync + 'static {
    /// Takes what the widget requests, and returns what it is granted of it. To grant TURN to a
    /// widget that did not request it has no effect.
    fn acquire_capabilities(
        &self,
        requested: CapabilitiesWithTurn,
    ) -> impl Future<Output = CapabilitiesWithTurn> + Send;
}

impl<P: CapabilitiesProvider> TurnCapabilitiesProvider for P {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        CapabilitiesWithTurn {
            capabilities: CapabilitiesProvider::acquire_capabilities(self, requested.capabilities)
                .await,
            turn_servers: false,
        }
    }
}

/// A [`CapabilitiesProvider`] of the SDK's, and TURN for every widget that requests it.
///
/// For clients that host only widgets they trust, Element Call from a known origin for instance.
/// MSC3846 asks of all others that they prompt the user.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantTurnServers<P>(
    /// Decides on everything but TURN.
    pub P,
);

impl<P: CapabilitiesProvider> TurnCapabilitiesProvider for GrantTurnServers<P> {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        CapabilitiesWithTurn {
            capabilities: self.0.acquire_capabilities(requested.capabilities).await,
            turn_servers: requested.turn_servers,
        }
    }
}
