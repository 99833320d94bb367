//! Where TURN credentials come from, and what an answer means.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tracing::warn;

use crate::{
    credentials::TurnServer,
    unavailable::{Unavailable, UnavailableReason},
    uri::{InvalidIceUri, LeftOutUri},
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
    /// [`NotLoggedIn`](UnavailableReason::NotLoggedIn) and
    /// [`SoftLoggedOut`](UnavailableReason::SoftLoggedOut) must cost nothing to say again, since every
    /// new subscriber is a reason to ask: remember what was refused.
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
    /// # Errors
    ///
    /// - [`UnavailableReason::NotConfigured`] if there are no URIs;
    /// - [`UnavailableReason::Misconfigured`] if none of them is an [`IceUri`](crate::IceUri), or one
    ///   is for a TURN server and nobody can authenticate with the username and the password: one is
    ///   empty, the username has more than 509 bytes, or there is a NUL character.
    pub fn new(server: TurnServer, ttl: Duration) -> Result<Self, Unavailable> {
        let misconfigured =
            |detail: &str| Unavailable::new(UnavailableReason::Misconfigured).with_detail(detail);
        match (server.uris(), server.left_out()) {
            ([], []) => return Err(Unavailable::new(UnavailableReason::NotConfigured)),
            ([], [LeftOutUri { reason, .. }, ..]) => {
                return Err(misconfigured(&format!("none of its URIs can be used: {reason}")));
            }
            (_, []) => {}
            (_, left_out) => {
                let (count, reasons) = (left_out.len(), distinct_reasons(left_out));
                warn!(count, ?reasons, "leaving out URIs that are not those of ICE servers");
            }
        }
        match server.flaw() {
            Some(flaw) => Err(misconfigured(flaw)),
            None => Ok(Self { server, ttl }),
        }
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

/// Each reason once, so that a log line stays short however many URIs are left out.
fn distinct_reasons(left_out: &[LeftOutUri]) -> Vec<InvalidIceUri> {
    let mut reasons = Vec::new();
    for LeftOutUri { reason, .. } in left_out {
        if !reasons.contains(reason) {
            reasons.push(*reason);
        }
    }
    reasons
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
    fn an_answer_is_what_it_was_made_of() {
        let server = TurnServer::new(vec!["turn:a".to_owned()], "u", "p");
        let answer = Answer::new(server.clone(), Duration::from_secs(60)).unwrap();
        assert_eq!(*answer.server(), server);
        assert_eq!(answer.ttl(), Duration::from_secs(60));
    }

    #[test]
    fn f22_what_is_handed_on_is_canonical() {
        let uris = ["TURN:Host?transport=UDP", "stun:a", "Turns:[2001:DB8::1]:443?transport=Tcp"];
        assert_eq!(
            answer(&uris, "u", "p").unwrap().server.uris(),
            ["turn:host?transport=udp", "stun:a", "turns:[2001:db8::1]:443?transport=tcp"]
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
    fn what_nobody_can_authenticate_with_is_misconfigured() {
        let longest = "u".repeat(509);
        assert!(answer(&["turn:a"], &longest, "p").is_ok());
        let too_long = longest + "u";
        for (username, password) in [(too_long.as_str(), "p"), ("u\0v", "p"), ("u", "p\0q")] {
            assert_eq!(
                answer(&["turn:a"], username, password).unwrap_err(),
                UnavailableReason::Misconfigured
            );
            assert!(answer(&["stun:a"], username, password).is_ok());
        }
    }

    #[test]
    fn what_cannot_be_used_is_left_out_and_the_reason_kept() {
        let server = answer(&["turn:b", "turn://a", "turn:a", "http:a"], "u", "p").unwrap().server;
        assert_eq!(server.uris(), ["turn:b", "turn:a"]);
        let left_out: Vec<_> = server
            .left_out()
            .iter()
            .map(|left_out| (left_out.uri.as_str(), left_out.reason))
            .collect();
        assert_eq!(
            left_out,
            [("turn://a", InvalidIceUri::Slash), ("http:a", InvalidIceUri::Scheme)]
        );
    }

    #[test]
    fn each_reason_for_leaving_out_a_uri_is_logged_once() {
        let uris = (0..12_000).flat_map(|n| [format!("turn://{n}"), format!("http:{n}")]);
        let server = TurnServer::new(uris.collect(), "u", "p");
        let reasons = distinct_reasons(server.left_out());
        assert_eq!(reasons, [InvalidIceUri::Slash, InvalidIceUri::Scheme]);
    }

    #[test]
    fn if_nothing_can_be_used_the_reason_is_said() {
        let server = TurnServer::new(vec!["turn:user:s3cret@a".to_owned()], "u", "p");
        let unavailable = Answer::new(server, Duration::ZERO).unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::Misconfigured);
        let text = unavailable.to_string();
        assert!(text.contains("names a user") && !text.contains("s3cret"), "{text}");
    }
}
