//! What a probe says: one [`Step`] for each thing that it tried.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime},
};

use matrix_sdk_turn::IceUri;

use crate::failure::{Failure, Text};

/// One thing that was tried, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The URI that was tried.
    pub uri: IceUri,
    /// The address of it that was tried; `None` while the name is being resolved.
    pub address: Option<SocketAddr>,
    /// What was tried.
    pub kind: StepKind,
    /// What came of it.
    pub outcome: Outcome,
    /// When it began, from the beginning of the probe.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
    /// What the server calls itself (SOFTWARE), if it has said so by then.
    pub server_name: Option<Text>,
}

impl Step {
    /// A step for tests and examples. It began at once and took no time: set [`began`](Self::began) and
    /// [`took`](Self::took) if it did not.
    pub fn new(
        uri: IceUri,
        address: Option<SocketAddr>,
        kind: StepKind,
        outcome: impl Into<Outcome>,
    ) -> Self {
        let (began, took) = (Duration::ZERO, Duration::ZERO);
        Self { uri, address, kind, outcome: outcome.into(), began, took, server_name: None }
    }

    /// Why it failed; `None` if it did not.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Done(_) | Outcome::Skipped(_) => None,
        }
    }

    /// What it found; `None` if it failed or was skipped.
    pub fn found(&self) -> Option<&Found> {
        match &self.outcome {
            Outcome::Done(found) => Some(found),
            Outcome::Failed(_) | Outcome::Skipped(_) => None,
        }
    }
}

/// What is tried.
///
/// For a `stun:` URI, the probe ends after [`Binding`](Self::Binding). For others,
/// [`Allocate`](Self::Allocate) decides and comes first: servers may refuse Binding and relay all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// Look up the addresses of the URI's host.
    Resolve,
    /// Open a connection: by TCP, or a socket for UDP. (A socket that opened tells nothing, so for UDP
    /// this is reported only if it failed.)
    Connect,
    /// Secure the connection by TLS, and check the certificate.
    Tls,
    /// Ask which address the server sees us at
    /// ([RFC 8489](https://www.rfc-editor.org/rfc/rfc8489)).
    Binding,
    /// Ask for a relay with the credentials
    /// ([RFC 8656, section 7](https://www.rfc-editor.org/rfc/rfc8656#section-7)).
    Allocate,
    /// Ask for another one, over a connection of its own: the other end of a call.
    SecondAllocate,
    /// Permit each relay to hear the other.
    CreatePermission,
    /// Bind a channel from the first relay to the second.
    ChannelBind,
    /// Send data from the first relay to the second, and back.
    Relay,
    /// Send data from a socket of ours straight to the first relay, and back. This is how a peer that
    /// needs no relay itself reaches one that does, through the firewall in front of the TURN server.
    Direct,
    /// Give the relays back: Refresh with a lifetime of zero.
    Refresh,
}

impl StepKind {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Binding,
        Self::Allocate,
        Self::SecondAllocate,
        Self::CreatePermission,
        Self::ChannelBind,
        Self::Relay,
        Self::Direct,
        Self::Refresh,
    ];

    /// A stable name, for files: `resolve`, `second_allocate`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Binding => "binding",
            Self::Allocate => "allocate",
            Self::SecondAllocate => "second_allocate",
            Self::CreatePermission => "create_permission",
            Self::ChannelBind => "channel_bind",
            Self::Relay => "relay",
            Self::Direct => "direct",
            Self::Refresh => "refresh",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Done(Found),
    /// It did not.
    Failed(Failure),
    /// It was not tried, since it would have told nothing.
    Skipped(Skipped),
}

impl From<Found> for Outcome {
    fn from(found: Found) -> Self {
        Self::Done(found)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Skipped> for Outcome {
    fn from(skipped: Skipped) -> Self {
        Self::Skipped(skipped)
    }
}

/// What a step that worked found out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// That it works, and no more.
    Works,
    /// The addresses of a name.
    Addresses(Vec<IpAddr>),
    /// A certificate that is accepted.
    Certificate {
        /// When it expires.
        expires: SystemTime,
    },
    /// The address that the server sees us at.
    Mapped(SocketAddr),
    /// A relay.
    Relayed(Relayed),
    /// Data goes both ways, as long as the first datagram comes from outside: what the relay itself sends
    /// first does not arrive.
    OnlyAnswers,
}

/// A relay that was lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relayed {
    /// Where others send to.
    pub address: SocketAddr,
    /// How long it is lent for, unless refreshed.
    pub lifetime: Duration,
    /// The address that the server sees us at, if it says so.
    pub mapped: Option<SocketAddr>,
    /// The address that we sent from, by our own machine.
    pub local: Option<IpAddr>,
    /// Whether the server asked for credentials.
    pub demands_credentials: bool,
}

impl Relayed {
    /// A relay of a server that asks for credentials.
    pub fn new(address: SocketAddr, lifetime: Duration) -> Self {
        Self { address, lifetime, mapped: None, local: None, demands_credentials: true }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Addresses(addresses) => {
                let addresses: Vec<_> = addresses.iter().map(IpAddr::to_string).collect();
                f.write_str(&addresses.join(", "))
            }
            Self::Certificate { expires } => {
                let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
                write!(f, "certificate valid for another {} days", left.as_secs() / (24 * 3600))
            }
            Self::Mapped(address) => write!(f, "seen as {address}"),
            Self::Relayed(Relayed { address, lifetime, .. }) => {
                write!(f, "relay {address}, lent for {} s", lifetime.as_secs())
            }
            Self::OnlyAnswers => f.write_str("works, if the first datagram comes from outside"),
        }
    }
}

/// Why a step was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Skipped {
    /// The URI is for DTLS, which this probe does not speak, nor do browsers.
    Dtls,
    /// The relay is for IPv4 and we are not, or the other way round.
    OtherFamily,
    /// Our own address, as the server sees it, is not known.
    NoPeerAddress,
    /// The relay's address is closer to us than the TURN server's: on this machine or in its network,
    /// where no server may send us.
    TooClose,
    /// There are more URIs or addresses than are tried.
    TooMany,
    /// The time for the whole probe was over.
    OutOfTime,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dtls => "not tried: it is for TURN over DTLS, which browsers do not use",
            Self::OtherFamily => {
                "not tried: the relay has an address of the other family than ours"
            }
            Self::NoPeerAddress => {
                "not tried: the TURN server does not say which address it sees us at"
            }
            Self::TooMany => "not tried: there are too many",
            Self::OutOfTime => "not tried: the time for all of it was over",
            Self::TooClose => {
                "not tried: the relay's address is in a network that the TURN server is not in"
            }
        })
    }
}
