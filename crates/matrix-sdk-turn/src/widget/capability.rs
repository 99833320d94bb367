//! The capability to watch TURN servers: its identifiers, and how it is set up.

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
