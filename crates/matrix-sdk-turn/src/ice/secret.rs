//! Username and password within a URI.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::credentials::TurnServer;

/// Everything but the unreserved characters of
/// [RFC 3986, section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3): what stays can end
/// neither half, whatever a transport splits at.
pub(super) const RESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URI as transports want it that have username and password in there. (One of a STUN server, which
/// has neither, can be among them.)
///
/// It is wiped from memory when it is dropped. Its `Debug` does not show it, and it has no
/// `Display`: [`as_str`](Self::as_str) does show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUri(Zeroizing<String>);

impl SecretUri {
    /// `before`, `USERNAME:PASSWORD@` with both halves percent-encoded, `after`.
    pub(super) fn new(before: &str, server: &TurnServer, after: &str) -> Self {
        let encoded = |text| utf8_percent_encode(text, RESERVED);
        let [username, password] = [server.username(), server.password()];
        // A byte becomes three at most. A string that had to grow would leave copies behind.
        let longest = before.len() + 3 * (username.len() + password.len()) + 2 + after.len();
        let mut uri = Zeroizing::new(String::with_capacity(longest));
        uri.push_str(before);
        uri.extend(encoded(username));
        uri.push(':');
        uri.extend(encoded(password));
        uri.push('@');
        uri.push_str(after);
        Self(uri)
    }

    /// For a STUN server.
    pub(super) fn without_user(scheme: &str, address: &str) -> Self {
        Self(Zeroizing::new(format!("{scheme}{address}")))
    }

    /// The URI, with the password in it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SecretUri {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretUri").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_it() {
        let server = TurnServer::new(vec![], "alice", "s3cret");
        let uri = SecretUri::new("turn:", &server, "host");
        assert_eq!(uri.as_str(), "turn:alice:s3cret@host");
        assert_eq!(uri.as_ref(), uri.as_str());
        let debug = format!("{uri:?} {uri:#?}");
        assert!(!debug.contains("alice") && !debug.contains("s3cret"), "{debug}");
    }

    #[test]
    fn it_never_grows_while_it_is_made() {
        let server = TurnServer::new(vec![], "é@/\0".repeat(9), ":%\u{10FFFF}".repeat(9));
        let uri = SecretUri::new("turn:", &server, "host").0;
        assert_eq!(uri.len(), uri.capacity());
    }
}
