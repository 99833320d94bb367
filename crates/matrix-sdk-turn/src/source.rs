//! Where TURN credentials come from, and what an answer means.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tracing::warn;

use crate::{
    credentials::TurnServer,
    unavailable::{Unavailable, UnavailableReason},
    uri::IceUri,
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

    /// Waits until something happens to the session behind the source that bears on what
    /// [`fetch`](Self::fetch) answers. The service waits here while anybody is subscribed, and comes
    /// back soon after each event.
    ///
    /// A source without a session keeps the default, which waits for ever.
    async fn session_event(&self) -> SessionEvent {
        std::future::pending().await
    }
}

/// What happened to the session behind a [`TurnServerSource`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// There is a session now, or it has another access token. If the last answer was
    /// [`NotLoggedIn`](UnavailableReason::NotLoggedIn) or
    /// [`SoftLoggedOut`](UnavailableReason::SoftLoggedOut), the source is asked again.
    Renewed,
    /// It has ended, as by an answer of [`LoggedOut`](UnavailableReason::LoggedOut).
    Ended,
}

#[async_trait]
impl<S: TurnServerSource + ?Sized> TurnServerSource for Arc<S> {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        (**self).fetch().await
    }

    async fn session_event(&self) -> SessionEvent {
        (**self).session_event().await
    }
}

#[async_trait]
impl<S: TurnServerSource + ?Sized> TurnServerSource for Box<S> {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        (**self).fetch().await
    }

    async fn session_event(&self) -> SessionEvent {
        (**self).session_event().await
    }
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
    /// `new RTCPeerConnection({ iceServers })` throw. What is kept has its scheme and transport in
    /// lower case, since Firefox throws on others.
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
        let usable: Vec<_> = server.uris().iter().filter_map(|uri| IceUri::parse(uri)).collect();
        if usable.is_empty() {
            return misconfigured("none of its URIs is a stun:, stuns:, turn: or turns: URI");
        }
        if usable.iter().any(IceUri::is_turn)
            && (server.username().is_empty() || server.password().is_empty())
        {
            return misconfigured("it sent a turn: URI without username or password");
        }

        let left_out = server.uris().len() - usable.len();
        if left_out > 0 {
            warn!(left_out, "leaving out URIs that are not those of an ICE server");
        }
        let uris: Vec<_> = usable.iter().map(ToString::to_string).collect();
        let is_canonical = uris == server.uris();
        let server = match is_canonical {
            true => server,
            false => TurnServer::new(uris, server.username(), server.password()),
        };
        Ok(Self { server, ttl })
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
            "turns:[2001:db8::1]:443",
            "stun:stun.example.com",
        ];
        assert_eq!(answer(&uris, "u", "p").unwrap().server.uris(), uris);
    }

    #[test]
    fn f22_scheme_and_transport_are_handed_on_in_lower_case() {
        let uris = [
            "TURN:Host?transport=UDP",
            "Turns:[2001:DB8::1]:443?transport=Tcp",
            "turn:bücher.example",
        ];
        let kept = answer(&uris, "u", "p").unwrap().server;
        assert_eq!(
            kept.uris(),
            [
                "turn:Host?transport=udp",
                "turns:[2001:DB8::1]:443?transport=tcp",
                "turn:bücher.example"
            ]
        );
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
            "turn:a:+80",
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
