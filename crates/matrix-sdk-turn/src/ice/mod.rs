//! TURN credentials in the words of transports.
//!
//! Each conversion keeps the homeserver's order, and has no entry for what its transport cannot take
//! or would take for something else.

mod endpoint;
mod gstreamer;
mod libdatachannel;
mod rtc;
mod secret;
#[cfg(test)]
mod test_servers;

pub use self::{
    endpoint::TurnEndpoint,
    rtc::{IceServer, RtcIceServer},
    secret::SecretUri,
};
use crate::{credentials::TurnServer, uri::IceUri};

impl TurnServer {
    /// The URIs that a transport is given: none, if it could not authenticate with what goes along.
    fn usable_uris(&self) -> impl Iterator<Item = IceUri> {
        self.flaw().is_none().then(|| self.ice_uris()).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::{test_servers::synapse, *};
    use crate::{
        state::TurnState,
        unavailable::{Unavailable, UnavailableReason},
    };

    #[test]
    fn a_state_is_converted_as_its_servers_are() {
        let server = synapse(["stun:a", "turn:b", "turns:c"]);
        let why = Unavailable::from(UnavailableReason::NotConfigured);
        let fallback = TurnState::Fallback { servers: server.clone(), why: why.clone() };
        for state in [TurnState::Available(server.clone()), fallback] {
            assert_eq!(state.ice_servers(), server.ice_servers());
            assert_eq!(state.to_ice_servers(), server.to_ice_servers());
            assert_eq!(state.gstreamer_turn_servers(), server.gstreamer_turn_servers());
            assert_eq!(state.gstreamer_stun_servers(), server.gstreamer_stun_servers());
            assert_eq!(state.libdatachannel_ice_servers(), server.libdatachannel_ice_servers());
            assert!(state.turn_endpoints().eq(server.turn_endpoints()));
        }
        let nothing = TurnState::Unavailable(why);
        assert_eq!(nothing.ice_servers(), []);
        assert_eq!(nothing.to_ice_servers(), []);
        assert_eq!(nothing.gstreamer_turn_servers(), []);
        assert_eq!(nothing.gstreamer_stun_servers(), Vec::<String>::new());
        assert_eq!(nothing.libdatachannel_ice_servers(), []);
        assert_eq!(nothing.turn_endpoints().count(), 0);
    }

    #[test]
    fn nobody_gets_credentials_that_would_be_cut_short() {
        for (username, password) in [("u\0v", "p"), ("u", "p\0q")] {
            let server = TurnServer::new(vec!["turn:a".to_owned()], username, password);
            assert_eq!(server.ice_servers(), []);
            assert_eq!(server.to_ice_servers(), []);
            assert_eq!(server.gstreamer_turn_servers(), []);
            assert_eq!(server.libdatachannel_ice_servers(), []);
            assert_eq!(server.turn_endpoints().count(), 0);
        }
    }
}
