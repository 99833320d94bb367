//! Where TURN credentials come from, and what an answer means.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    credentials::TurnServer,
    unavailable::{Unavailable, UnavailableReason},
};

/// Where TURN credentials come from.
///
/// [`HomeserverSource`](crate::HomeserverSource) asks the homeserver. Implement this to put another
/// source in its place: a static server, a test.
///
/// # Cancel safety
///
/// The future may be dropped at any await: when it takes longer than
/// [`RefreshPolicy::request_timeout`](crate::RefreshPolicy::request_timeout), or when the service
/// is dropped.
#[async_trait]
pub trait TurnServerSource: fmt::Debug + Send + Sync + 'static {
    /// Asks once, without retrying: when to ask again is the service's to decide.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] says why there are no credentials, and so when the next request is due.
    async fn fetch(&self) -> Result<Answer, Unavailable>;
}

/// An answer with credentials that can be used.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) server: TurnServer,
    pub(crate) ttl: Duration,
}

impl Answer {
    /// Accepts credentials that hold for `ttl` from the moment they were asked for; a `ttl` of zero
    /// means that it is not known.
    ///
    /// URIs that no WebRTC implementation takes are left out: one of them would make
    /// `new RTCPeerConnection({ iceServers })` throw.
    ///
    /// # Errors
    ///
    /// - [`UnavailableReason::NotConfigured`] if there are no URIs;
    /// - [`UnavailableReason::Misconfigured`] if none of them is an ICE URI, or one is for a TURN
    ///   server and username or password are empty.
    pub fn new(server: TurnServer, ttl: Duration) -> Result<Self, Unavailable> {
        if server.uris().is_empty() {
            return Err(Unavailable::new(UnavailableReason::NotConfigured));
        }

        let misconfigured =
            |detail| Err(Unavailable::new(UnavailableReason::Misconfigured).with_detail(detail));
        let (usable, useless): (Vec<_>, Vec<_>) =
            server.uris().iter().cloned().partition(|uri| IceScheme::of(uri).is_some());

        if usable.is_empty() {
            return misconfigured("none of its URIs is a stun:, stuns:, turn: or turns: URI");
        }
        if usable.iter().any(|uri| IceScheme::of(uri) == Some(IceScheme::Turn))
            && (server.username().is_empty() || server.password().is_empty())
        {
            return misconfigured("it sent a turn: URI without username or password");
        }
        if useless.is_empty() {
            return Ok(Self { server, ttl });
        }

        tracing::warn!(count = useless.len(), "leaving out URIs that are no ICE server's");
        Ok(Self { server: TurnServer::new(usable, server.username(), server.password()), ttl })
    }

    /// The credentials.
    pub fn server(&self) -> &TurnServer {
        &self.server
    }

    /// How long they hold, from the moment they were asked for; zero if that is not known.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IceScheme {
    Stun,
    Turn,
}

impl IceScheme {
    /// What kind of ICE server a URI of RFC 7064 or RFC 7065 names: `scheme:host[:port]`, for TURN
    /// with `?transport=udp` or `?transport=tcp`.
    fn of(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "stun" | "stuns" => Self::Stun,
            "turn" | "turns" => Self::Turn,
            _ => return None,
        };
        let (authority, query) = rest.split_once('?').map_or((rest, None), |(a, q)| (a, Some(q)));
        let is_query = match (scheme, query) {
            (_, None) => true,
            (Self::Stun, Some(_)) => false,
            (Self::Turn, Some(query)) => matches!(query, "transport=udp" | "transport=tcp"),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(ipv6) => ipv6.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let is_host_char = |c: char| c.is_ascii_alphanumeric() || "-._~%:".contains(c);
        let is_port = port.is_empty()
            || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok_and(|p| p != 0));

        (!host.is_empty() && host.chars().all(is_host_char) && is_port && is_query)
            .then_some(scheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(uris: &[&str], username: &str, password: &str) -> Result<Answer, UnavailableReason> {
        let uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
        Answer::new(TurnServer::new(uris, username, password), Duration::ZERO)
            .map_err(|unavailable| unavailable.reason())
    }

    #[test]
    fn complete_is_available() {
        let uris = [
            "turn:turn.example.com:3478?transport=udp",
            "turn:10.20.30.40:3478?transport=tcp",
            "TURNS:[2001:db8::1]:443",
            "stun:stun.example.com",
        ];
        assert_eq!(answer(&uris, "u", "p").unwrap().server.uris(), uris);
    }

    #[test]
    fn no_uris_is_not_configured() {
        assert_eq!(answer(&[], "u", "p").unwrap_err(), UnavailableReason::NotConfigured);
    }

    #[test]
    fn a_turn_uri_without_username_or_password_is_misconfigured() {
        for (username, password) in [("", "p"), ("u", ""), ("", "")] {
            for uri in ["turn:a", "turns:a", "Turn:a"] {
                assert_eq!(
                    answer(&["stun:a", uri], username, password).unwrap_err(),
                    UnavailableReason::Misconfigured
                );
            }
        }
    }

    #[test]
    fn a_stun_server_needs_no_password() {
        assert!(answer(&["stun:a"], "", "").is_ok());
    }

    #[test]
    fn a_uri_no_browser_takes_is_left_out() {
        let useless = [
            "",
            ":",
            "turn:",
            "turn:?transport=udp",
            "http://a",
            "turn://a",
            "turn:a b",
            "turn:a:",
            "turn:a:0",
            "turn:a:65536",
            "turn:a:x",
            "turn:[::1",
            "turn:[]",
            "turn:user@host",
        ];
        for uri in useless {
            let kept = answer(&[uri, "turn:a"], "u", "p").unwrap().server;
            assert_eq!(kept.uris(), ["turn:a"], "{uri:?}");
            assert_eq!(answer(&[uri], "u", "p").unwrap_err(), UnavailableReason::Misconfigured);
        }
    }
}
