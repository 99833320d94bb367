//! TURN credentials as a homeserver hands them out, and how long they hold.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use crate::{
    clock::{Deadline, Timestamp},
    uri::{IceUri, LeftOutUri},
};

/// How long a username can be, in bytes
/// ([RFC 8489, section 14.3](https://www.rfc-editor.org/rfc/rfc8489#section-14.3)).
const MAX_USERNAME_BYTES: usize = 509;

/// TURN servers with the credentials to use them, from `GET /_matrix/client/v3/voip/turnServer`.
///
/// Cheap to clone: clones share one allocation, and username and password are wiped from memory
/// when the last one is dropped. (Copies that a caller makes of [`password`](Self::password), and
/// the HTTP response they came in, are beyond its reach.)
///
/// How a transport is given them:
///
/// | transport | conversion |
/// | --- | --- |
/// | browsers and web views | [`ice_servers`](Self::ice_servers), as JSON |
/// | webrtc-rs, rtc, libwebrtc (LiveKit), aiortc | [`to_ice_servers`](Self::to_ice_servers) |
/// | GStreamer | [`gstreamer_turn_servers`](Self::gstreamer_turn_servers), [`gstreamer_stun_servers`](Self::gstreamer_stun_servers) |
/// | libdatachannel | [`libdatachannel_ice_servers`](Self::libdatachannel_ice_servers) |
/// | a TURN client of one's own, str0m for one | [`turn_endpoints`](Self::turn_endpoints) |
///
/// Two of them are equal when they hold the same URIs, username and password, however long they
/// are still valid.
#[derive(Clone)]
pub struct TurnServer {
    credentials: Arc<Credentials>,
    expires: Arc<Mutex<Option<Deadline>>>,
}

struct Credentials {
    /// As an [`IceUri`] prints them.
    uris: Vec<String>,
    left_out: Vec<LeftOutUri>,
    username: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl TurnServer {
    /// Credentials whose expiry is not known. A [`TurnService`](crate::TurnService) notes the
    /// expiry of what it hands on.
    ///
    /// What is not an [`IceUri`] is [left out](Self::left_out): one such URI makes
    /// `new RTCPeerConnection({ iceServers })` throw. The others are kept in their order, as an
    /// `IceUri` prints them.
    pub fn new(
        uris: Vec<String>,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        let mut usable = Vec::with_capacity(uris.len());
        let mut left_out = Vec::new();
        for uri in uris {
            match uri.parse::<IceUri>() {
                Ok(parsed) => usable.push(parsed.to_string()),
                Err(reason) => left_out.push(LeftOutUri { uri, reason }),
            }
        }
        Self {
            credentials: Arc::new(Credentials {
                uris: usable,
                left_out,
                username: Zeroizing::new(username.into()),
                password: Zeroizing::new(password.into()),
            }),
            expires: Arc::default(),
        }
    }

    /// Where the TURN servers are, as URIs of RFC 7064 and RFC 7065, in the homeserver's order.
    pub fn uris(&self) -> &[String] {
        &self.credentials.uris
    }

    /// The same, in their parts.
    pub fn ice_uris(&self) -> impl Iterator<Item = IceUri> {
        // All of them parse: they were printed by `IceUri`.
        self.uris().iter().filter_map(|uri| uri.parse().ok())
    }

    /// What the homeserver sent beside them that cannot be used, and why.
    pub fn left_out(&self) -> &[LeftOutUri] {
        &self.credentials.left_out
    }

    /// The username to authenticate with.
    pub fn username(&self) -> &str {
        &self.credentials.username
    }

    /// The password to authenticate with.
    pub fn password(&self) -> &str {
        &self.credentials.password
    }

    /// How long the credentials are still valid at the moment `now`: zero once they have expired,
    /// `None` if the homeserver did not say how long they hold (a `ttl` of 0).
    ///
    /// The nearer of the two clocks decides. If the homeserver confirms the same credentials for
    /// longer, every clone learns of it.
    pub fn valid_for(&self, now: Timestamp) -> Option<Duration> {
        self.expires().map(|deadline| deadline.remaining(now))
    }

    /// When the credentials expire on the wall clock, as it stood when they were asked for; `None`
    /// if the homeserver did not say.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires().map(|deadline| deadline.wall())
    }

    /// Whether the credentials have expired at the moment `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|deadline| deadline.is_reached(now))
    }

    /// Why nobody can authenticate with the username and the password; `None` if that is possible,
    /// or no URI asks for it.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let (username, password) = (self.username(), self.password());
        if !self.ice_uris().any(|uri| uri.is_turn()) {
            None
        } else if username.is_empty() || password.is_empty() {
            Some("it sent a turn: URI without username or password")
        } else if username.len() > MAX_USERNAME_BYTES {
            Some("its username is longer than the 509 bytes that STUN has room for")
        } else if username.contains('\0') || password.contains('\0') {
            // Transports that are written in C would take what is before it.
            Some("its username or password contains a NUL character")
        } else {
            None
        }
    }

    /// How many bytes the URIs, the username and the password take in JSON at most. Whoever writes
    /// them makes that much room first: a buffer that grows leaves copies of the password in memory.
    pub(crate) fn longest_json(&self) -> usize {
        let uris = self.uris().iter().map(String::as_str);
        uris.chain([self.username(), self.password()]).map(longest_json).sum()
    }

    fn expires(&self) -> Option<Deadline> {
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same credentials with an expiry of their own, shared with clones made from here on.
    pub(crate) fn expiring(&self, expires: Option<Deadline>) -> Self {
        Self { credentials: self.credentials.clone(), expires: Arc::new(Mutex::new(expires)) }
    }

    /// Whether extending one extends the other.
    pub(crate) fn shares_expiry_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.expires, &other.expires)
    }

    /// Moves the expiry of this and every clone of it.
    pub(crate) fn extend(&self, expires: Option<Deadline>) {
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = expires;
    }
}

/// How many bytes a string takes in JSON at most, with quotation marks and a comma: a control
/// character is written as `\u0000`.
pub(crate) fn longest_json(text: &str) -> usize {
    6 * text.len() + 3
}

impl PartialEq for TurnServer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.credentials, &other.credentials)
            || (self.uris() == other.uris()
                && self.username() == other.username()
                && self.password() == other.password())
    }
}

impl Eq for TurnServer {}

/// Shows the first URIs, and neither username nor password: the username names the account, and is
/// half of the credential.
impl fmt::Debug for TurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnServer")
            .field("uris", &FirstUris(self.uris()))
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}

/// URIs as `Debug` shows them, in a line that stays short however many there are.
struct FirstUris<'a>(&'a [String]);

/// How many URIs `Debug` shows, and how many characters of each. A real answer has less.
const SHOWN_URIS: usize = 16;
const SHOWN_CHARS: usize = 256;

impl fmt::Debug for FirstUris<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.0.iter().take(SHOWN_URIS).map(|uri| {
            uri.char_indices().nth(SHOWN_CHARS).map_or(uri.as_str(), |(end, _)| &uri[..end])
        }));
        if self.0.len() > SHOWN_URIS { list.finish_non_exhaustive() } else { list.finish() }
    }
}

/// What tells a state from another: the names of the credentials, and how long they hold.
#[cfg(test)]
mod explored {
    use std::hash::{Hash, Hasher};

    use super::TurnServer;
    use crate::clock::aging::Passed;

    impl Hash for TurnServer {
        fn hash<H: Hasher>(&self, state: &mut H) {
            (self.uris(), self.username(), self.password(), self.expires()).hash(state);
        }
    }

    impl TurnServer {
        /// A copy, of which none of the clones is one, as it is once time has passed.
        pub(crate) fn aged(&self, by: Passed) -> Self {
            self.expiring(self.expires().map(|expires| expires.aged(by)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_username_nor_password() {
        let server = TurnServer::new(vec!["turn:example.org".to_owned()], "alice-name", "s3cret");
        let debug = format!("{server:?} {server:#?}");

        assert!(debug.contains("turn:example.org"));
        assert!(!debug.contains("alice-name"));
        assert!(!debug.contains("s3cret"));
    }

    #[test]
    fn debug_stays_short_however_many_uris_there_are() {
        let uris = (0..5_000).map(|n| format!("turn:a{n}")).collect();
        let debug = format!("{:?}", TurnServer::new(uris, "u", "p"));
        assert!(debug.contains("\"turn:a15\", .."), "{debug}");
        assert!(debug.len() < 500, "{}", debug.len());
    }

    #[test]
    fn an_expiry_that_moves_is_seen_by_every_clone() {
        let now = Timestamp::now();
        let in_secs = |secs| Some(Deadline::after(now, Duration::from_secs(secs)));
        let held = TurnServer::new(vec![], "u", "p").expiring(in_secs(10));
        let clone = held.clone();

        held.extend(in_secs(20));

        assert_eq!(clone.valid_for(now), Some(Duration::from_secs(20)));
        assert_eq!(clone.expires_at(), Some(now.wall + Duration::from_secs(20)));
        assert!(clone.shares_expiry_with(&held));
        assert!(!held.expiring(in_secs(20)).shares_expiry_with(&held));
    }

    #[test]
    fn credentials_are_equal_whatever_their_expiry() {
        let one = TurnServer::new(vec!["turn:a".to_owned()], "u", "p");
        let same = TurnServer::new(vec!["turn:a".to_owned()], "u", "p")
            .expiring(Some(Deadline::after(Timestamp::now(), Duration::ZERO)));

        assert_eq!(one, same);
        assert_ne!(one, TurnServer::new(vec!["turn:a".to_owned()], "u", "other"));
    }
}
