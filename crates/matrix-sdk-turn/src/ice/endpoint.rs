//! For whoever brings a TURN client: str0m, for one, leaves TURN to the application.

use std::fmt;

use url::Host;

use crate::{credentials::TurnServer, state::TurnState, uri::IceTransport};

/// One TURN server and how to reach it, in parts.
///
/// For a TURN client of one's own, as
/// [str0m](https://docs.rs/str0m/latest/str0m/struct.Candidate.html#method.relayed) needs one to have
/// relayed candidates. (STUN servers are among [`TurnServer::ice_uris`].)
///
/// Its `Debug` shows neither username nor password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnEndpoint<'a> {
    /// The host: a name in its ASCII form, or an IP address.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The transport to the server.
    pub transport: IceTransport,
    /// Whether the transport is secured: by TLS over TCP, or by DTLS over UDP.
    pub is_tls: bool,
    /// The username to authenticate with.
    pub username: &'a str,
    /// The password to authenticate with.
    pub password: &'a str,
}

impl fmt::Debug for TurnEndpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnEndpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("transport", &self.transport)
            .field("is_tls", &self.is_tls)
            .finish_non_exhaustive()
    }
}

impl TurnServer {
    /// The TURN servers for a TURN client of one's own: see [`TurnEndpoint`].
    pub fn turn_endpoints(&self) -> impl Iterator<Item = TurnEndpoint<'_>> {
        self.usable_uris().filter(|uri| uri.is_turn()).map(|uri| TurnEndpoint {
            host: uri.host().clone(),
            port: uri.port(),
            transport: uri.transport(),
            is_tls: uri.is_tls(),
            username: self.username(),
            password: self.password(),
        })
    }
}

impl TurnState {
    /// As [`TurnServer::turn_endpoints`]: none when TURN is unavailable.
    pub fn turn_endpoints(&self) -> impl Iterator<Item = TurnEndpoint<'_>> {
        self.available().into_iter().flat_map(TurnServer::turn_endpoints)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_servers_come_in_parts_and_in_order() {
        let uris = ["turns:[2001:db8::1]:443?transport=tcp", "stun:a", "turn:a", "turns:a"];
        let uris = uris.map(str::to_owned).to_vec();
        let state = TurnState::Available(TurnServer::new(uris, "1:@alice:a", "p/+="));
        let parts: Vec<_> = state
            .turn_endpoints()
            .map(|turn| (turn.host.to_string(), turn.port, turn.transport, turn.is_tls))
            .collect();
        assert_eq!(
            parts,
            [
                ("[2001:db8::1]".to_owned(), 443, IceTransport::Tcp, true),
                ("a".to_owned(), 3478, IceTransport::Udp, false),
                ("a".to_owned(), 5349, IceTransport::Tcp, true),
            ]
        );
        for turn in state.turn_endpoints() {
            assert_eq!((turn.username, turn.password), ("1:@alice:a", "p/+="));
            let debug = format!("{turn:?}");
            assert!(!debug.contains("alice") && !debug.contains("p/+="), "{debug}");
        }
    }

    #[test]
    fn f5_a_turn_server_without_username_or_password_is_none() {
        let server = TurnServer::new(vec!["turn:a".to_owned()], "u", "");
        assert_eq!(server.turn_endpoints().count(), 0);
    }
}
