//! Why a step failed.

use std::{
    fmt, io,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use thiserror::Error;

/// How much is kept of a text that a server wrote.
const MAX_TEXT_CHARS: usize = 120;

/// Why a step failed. Holds no secret.
///
/// What it means for the set-up, and what to change, is said by [`diagnose`](crate::diagnose).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The name has no address.
    #[error("{0}")]
    NoAddress(NameFault),
    /// Nothing listens at the port.
    #[error("the connection was refused")]
    Refused,
    /// The router of this machine's own network answers at the server's address.
    #[error("the router of this network answers at the address")]
    OwnRouter,
    /// This machine has no route to the address.
    #[error("this machine has no route to the address")]
    NoRoute,
    /// This machine's own firewall lets nothing out to the address.
    #[error("this machine lets nothing out to the address")]
    HeldBack,
    /// The network reports (by ICMP) that the address cannot be reached.
    #[error("{0}")]
    Unreachable(Unreachable),
    /// Nothing came back.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The server closed the connection instead of answering.
    #[error("the server closed the connection")]
    Closed,
    /// The operating system reports something else.
    #[error("{0}")]
    Io(Text),
    /// The certificate is not accepted.
    #[error("{0}")]
    Certificate(#[from] CertificateFault),
    /// The server demands a certificate of the client, and clients have none.
    #[error("the server demands a certificate of the client")]
    ClientCertificate,
    /// TLS fails, and not for the certificate.
    #[error("no TLS: {0}")]
    Tls(Text),
    /// Something answers, and it is not a STUN or TURN server.
    #[error("{0}")]
    NotStun(Stranger),
    /// The answer comes from another address than the one that was asked, so clients drop it.
    #[error("the answer comes from another address, {0}")]
    AnsweredFrom(SocketAddr),
    /// The server asks for credentials, and answers nothing once it has them.
    #[error("the server asks for credentials, and then answers nothing within {0:?}")]
    FellSilent(Duration),
    /// The server asks for credentials without saying how to sign with them.
    #[error("401 without {0}")]
    NoChallenge(&'static str),
    /// The server demands an algorithm that clients do not have.
    #[error("the server takes no MD5 and HMAC-SHA1, which is all that clients have")]
    UnsupportedAlgorithm,
    /// The server's answers have the ids of other requests.
    #[error("the answer has the id of another request")]
    WrongTransaction,
    /// The checksum of the server's answers is wrong.
    #[error("the answer's fingerprint is wrong")]
    WrongFingerprint,
    /// The server answers a STUN error.
    #[error("{code} {reason}")]
    Refusal {
        /// The error code of RFC 8489 or RFC 8656.
        code: u16,
        /// The server's own words.
        reason: Text,
    },
    /// The server sends us to another one (300 Try Alternate). The probe follows that once.
    #[error("300 Try Alternate: {}", .0.map_or("nowhere".to_owned(), |to| to.to_string()))]
    Redirected(Option<SocketAddr>),
    /// The server's answer is not signed with the password.
    #[error("the answer is not signed with the password")]
    BadSignature,
    /// The answer lacks what it has to have.
    #[error("the answer lacks {0}")]
    Incomplete(&'static str),
    /// The server sent far more than it was asked for.
    #[error("the server sends without end")]
    Flooded,
    /// The data did not arrive.
    #[error("the data was lost on the way {0}")]
    Lost(Leg),
    /// The credentials do not fit into a STUN message.
    #[error("the username or the password does not fit into a STUN message")]
    Unsendable,
}

impl Failure {
    /// Whether the TURN server does not accept the username and the password: 401, or 441 (Wrong
    /// Credentials). Some servers, webrtc-rs's for one, answer 400 instead.
    pub fn is_rejection(&self) -> bool {
        matches!(self, Self::Refusal { code: 400 | 401 | 441, .. })
    }

    /// Whether a STUN server made it.
    pub fn is_an_answer(&self) -> bool {
        matches!(
            self,
            Self::Refusal { .. }
                | Self::Redirected(_)
                | Self::FellSilent(_)
                | Self::NoChallenge(_)
                | Self::UnsupportedAlgorithm
                | Self::WrongTransaction
                | Self::WrongFingerprint
                | Self::BadSignature
                | Self::Incomplete(_)
        )
    }

    pub(crate) fn io(error: &io::Error) -> Self {
        use io::ErrorKind::{
            AddrNotAvailable, BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset,
            HostUnreachable, NetworkUnreachable, PermissionDenied, TimedOut, UnexpectedEof,
        };
        /// "Operation not permitted": a local firewall. (`EACCES`, of the same kind, is the network's word.)
        const EPERM: i32 = 1;
        match error.kind() {
            ConnectionRefused => Self::Refused,
            NetworkUnreachable | AddrNotAvailable => Self::NoRoute,
            HostUnreachable => Self::Unreachable(Unreachable::Host),
            PermissionDenied if error.raw_os_error() == Some(EPERM) => Self::HeldBack,
            PermissionDenied => Self::Unreachable(Unreachable::Prohibited),
            ConnectionReset | ConnectionAborted | UnexpectedEof | BrokenPipe => Self::Closed,
            TimedOut => Self::Timeout(Duration::ZERO),
            _ => Self::Io(Text::new(&error.to_string())),
        }
    }
}

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameFault {
    /// DNS does not know the name.
    #[error("DNS does not know the name")]
    Unknown,
    /// The name is known, and has neither an A nor an AAAA record.
    #[error("the name has neither an A nor an AAAA record")]
    NoRecord,
    /// The resolver fails, or the name's own DNS server does.
    #[error("the name server fails ({0})")]
    Resolver(Text),
}

/// What the network reports of an address that cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Unreachable {
    /// A firewall rejects what is sent there.
    #[error("a firewall rejects what is sent to the address")]
    Prohibited,
    /// A router on the way has no route to it.
    #[error("a router on the way has no route to the address")]
    Network,
    /// There is no such machine, or a firewall says so.
    #[error("the network reports that there is no such machine")]
    Host,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It has expired.
    #[error("the certificate has expired")]
    Expired {
        /// When.
        at: SystemTime,
    },
    /// It is not valid yet.
    #[error("the certificate is not valid yet")]
    NotYetValid {
        /// From when on it is.
        from: SystemTime,
    },
    /// It is for other names.
    #[error("the certificate is for {}", if .names.is_empty() { "no name" } else { "another name" })]
    WrongName {
        /// The names that it is for, the first few.
        names: Vec<Text>,
    },
    /// It signs itself.
    #[error("the certificate is signed by itself")]
    SelfSigned,
    /// Its issuer is not trusted here.
    #[error("this machine does not trust the certificate's issuer")]
    UnknownIssuer {
        /// The issuer's name.
        issuer: Text,
    },
    /// The server did not send the certificates between its own and one that is trusted.
    #[error("the server does not send its certificate's chain")]
    IncompleteChain {
        /// Whose certificate is missing.
        issuer: Text,
    },
    /// Its issuer has revoked it.
    #[error("the certificate has been revoked")]
    Revoked,
    /// Anything else.
    #[error("the certificate is not accepted ({0})")]
    Other(Text),
}

/// What answers where a TURN server should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Stranger {
    /// It speaks HTTP.
    #[error("a web server answers, not a TURN server")]
    Http,
    /// It speaks TLS, and was not spoken to by TLS.
    #[error("a TLS server answers where plain TURN was expected")]
    Tls,
    /// It speaks STUN, without the TLS that the URI is for.
    #[error("a TURN server without TLS answers where TLS was expected")]
    PlainStun,
    /// It speaks STUN once it has read a header of the PROXY protocol.
    #[error("a listener for the PROXY protocol answers")]
    ProxyProtocol,
    /// It accepts connections, and hangs up at the first message.
    #[error("the connection is accepted and closed without an answer")]
    HangsUp,
    /// It accepts connections, and answers nothing.
    #[error("the connection is accepted, and nothing is answered")]
    Mute,
    /// It speaks something else.
    #[error("something answers that is not a TURN server")]
    Unknown,
}

/// The way between the two ends of a relayed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// From the end that sends first.
    There,
    /// Back to it.
    Back,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::There => "there",
            Self::Back => "back",
        })
    }
}

/// A text that a server wrote: cut, without control characters, so that it cannot forge a line or reprogram
/// a terminal, and without the NUL bytes that some servers pad texts with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(String);

impl Text {
    /// Takes what is harmless of a text.
    pub fn new(text: &str) -> Self {
        let text = text.trim_end_matches('\0');
        let mut kept: String = harmless(text).take(MAX_TEXT_CHARS).collect();
        if text.chars().nth(MAX_TEXT_CHARS).is_some() {
            kept.push('…');
        }
        Self(kept)
    }

    /// Takes what is harmless of a text, however long it is.
    pub fn uncut(text: &str) -> Self {
        Self(harmless(text).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn harmless(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|char| if is_harmless(char) { char } else { '\u{fffd}' })
}

/// Neither a control character nor one that turns the direction of writing.
fn is_harmless(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_forges_no_line_and_moves_no_cursor() {
        let text = Text::new("no\r\n\u{1b}[31mforged\u{202e}");
        assert_eq!(text.as_str(), "no\u{fffd}\u{fffd}\u{fffd}[31mforged\u{fffd}");
    }

    #[test]
    fn padding_is_no_part_of_a_text() {
        assert_eq!(Text::new("Unauthorized\0\0").as_str(), "Unauthorized");
    }

    #[test]
    fn the_codes_that_say_no_to_the_credentials() {
        let refusal = |code| Failure::Refusal { code, reason: Text::new("") };
        let rejections = (300..700).filter(|code| refusal(*code).is_rejection());
        assert_eq!(rejections.collect::<Vec<_>>(), [400, 401, 441]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_firewall_of_this_machine_is_told_from_the_network() {
        let failure = |code| Failure::io(&io::Error::from_raw_os_error(code));
        const EPERM: i32 = 1;
        const EACCES: i32 = 13;
        const ENETUNREACH: i32 = 101;
        const EHOSTUNREACH: i32 = 113;
        assert_eq!(failure(EPERM), Failure::HeldBack);
        assert_eq!(failure(EACCES), Failure::Unreachable(Unreachable::Prohibited));
        assert_eq!(failure(ENETUNREACH), Failure::NoRoute);
        assert_eq!(failure(EHOSTUNREACH), Failure::Unreachable(Unreachable::Host));
    }

    proptest! {
        #[test]
        fn a_text_is_short_and_harmless(text in any::<String>()) {
            let kept = Text::new(&text);
            prop_assert!(kept.as_str().chars().all(is_harmless));
            prop_assert!(kept.as_str().chars().count() <= MAX_TEXT_CHARS + 1);
        }
    }
}
