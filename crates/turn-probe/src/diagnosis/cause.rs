//! What there is to say, as data.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use matrix_sdk_turn::InvalidIceUri;

use super::Origin;
use crate::failure::{CertificateFault, Stranger, Text};

/// Something to be said: what it means and what to change are said by its [`Cause`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
    /// The routes it is about, as indices into [`Diagnosis::routes`](crate::Diagnosis::routes). None, if
    /// it is about the whole set-up.
    pub routes: Vec<usize>,
}

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Calls fail because of it.
    Problem,
    /// Some calls are going to fail, or soon will.
    Warning,
    /// It could be better.
    Note,
}

impl Severity {
    /// A stable name, for files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What is the matter.
///
/// [`meaning`](Self::meaning) says what it means, and [`advice`](Self::advice) what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The homeserver hands out no TURN server.
    NoTurn,
    /// It hands out one that nobody can use: what is wrong with it.
    Misconfigured(Text),
    /// It refuses TURN to the account.
    Forbidden,
    /// All URIs are for STUN servers.
    NoTurnUri,
    /// A URI that no client can use.
    UnusableUri(InvalidIceUri),
    /// A name has no address.
    UnknownName {
        /// The name.
        host: String,
        /// What the resolver says.
        why: Text,
    },
    /// Nobody listens at the port.
    PortClosed {
        /// The address.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        transport: &'static str,
    },
    /// Nothing comes back from the port.
    Silent {
        /// The address.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        transport: &'static str,
    },
    /// Nothing comes back by UDP, while TCP works.
    UdpFiltered {
        /// The port.
        port: u16,
    },
    /// The server's IPv6 address does not work, while IPv4 does.
    Ipv6Dead {
        /// The address.
        ip: IpAddr,
    },
    /// This machine has no way to the address.
    NoRoute {
        /// Whether the address is one of IPv6.
        ipv6: bool,
    },
    /// The certificate is not accepted.
    Certificate {
        /// The name that was asked for.
        host: String,
        /// What is wrong.
        fault: CertificateFault,
    },
    /// TLS fails, and not for the certificate.
    TlsFails(Text),
    /// The certificate is about to expire.
    CertificateExpiresSoon {
        /// In how many days.
        days: u64,
    },
    /// Something else than a TURN server answers.
    NotTurn(Stranger),
    /// The credentials are rejected, since they have expired.
    Expired {
        /// How long ago, by this machine's clock.
        ago: Duration,
    },
    /// The homeserver's clock and this machine's differ.
    ClocksDiffer {
        /// Whether the homeserver's is behind.
        homeserver_is_behind: bool,
        /// By how much.
        by: Duration,
        /// Whether credentials are rejected for that.
        rejected: bool,
    },
    /// The credentials are rejected, although they have not expired.
    SecretsDiffer {
        /// Who handed them over.
        origin: Origin,
        /// For how long they are still valid, by this machine's clock.
        valid_for: Duration,
        /// Whether the homeserver's clock is known to agree with this machine's.
        clocks_agree: bool,
    },
    /// A username and a password that do not expire are rejected.
    PasswordRejected {
        /// Who handed them over.
        origin: Origin,
    },
    /// The TURN server does not relay to itself.
    PeerDenied {
        /// The address that it denies.
        ip: IpAddr,
    },
    /// The TURN server lends no relay of the family that is asked for (440), or none that reaches the
    /// peer's (443).
    WrongFamily {
        /// The error code.
        code: u16,
    },
    /// The account has as many relays as the TURN server allows.
    Quota,
    /// The TURN server has no port left.
    NoPorts,
    /// The relay has an address that nobody outside can reach.
    PrivateRelay {
        /// The relay's.
        relay: IpAddr,
        /// The server's.
        server: IpAddr,
    },
    /// Data between two relays is lost.
    RelayedDataLost {
        /// A relay.
        relay: SocketAddr,
    },
    /// Data from outside to a relay is lost.
    RelayPortsFiltered {
        /// The relay.
        relay: SocketAddr,
    },
    /// The TURN server answers an error that is none of the above.
    Refused {
        /// The error code.
        code: u16,
        /// The server's own words.
        reason: Text,
    },
    /// The TURN server sends clients to another one, where they get no further.
    Redirected {
        /// Where to.
        to: Option<SocketAddr>,
    },
    /// The TURN server does what none should: what that is.
    Misbehaves(Text),
    /// Everything is over UDP.
    OnlyUdp,
    /// There is no `turns:` URI.
    NoTls,
    /// There are `turns:` URIs, but none on port 443.
    NoHttpsPort,
    /// Credentials expire before many a call is over.
    ShortTtl(Duration),
    /// A URI is for DTLS, and was not tried.
    DtlsNotTried,
}

impl Cause {
    /// A stable name, for files: `secrets_differ`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTurn => "no_turn",
            Self::Misconfigured(_) => "misconfigured",
            Self::Forbidden => "forbidden",
            Self::NoTurnUri => "no_turn_uri",
            Self::UnusableUri(_) => "unusable_uri",
            Self::UnknownName { .. } => "unknown_name",
            Self::PortClosed { .. } => "port_closed",
            Self::Silent { .. } => "silent",
            Self::UdpFiltered { .. } => "udp_filtered",
            Self::Ipv6Dead { .. } => "ipv6_dead",
            Self::NoRoute { .. } => "no_route",
            Self::Certificate { fault, .. } => certificate_code(fault),
            Self::TlsFails(_) => "tls_fails",
            Self::CertificateExpiresSoon { .. } => "certificate_expires_soon",
            Self::NotTurn(_) => "not_turn",
            Self::Expired { .. } => "expired",
            Self::ClocksDiffer { .. } => "clocks_differ",
            Self::SecretsDiffer { .. } => "secrets_differ",
            Self::PasswordRejected { .. } => "password_rejected",
            Self::PeerDenied { .. } => "peer_denied",
            Self::WrongFamily { .. } => "wrong_family",
            Self::Quota => "quota",
            Self::NoPorts => "no_ports",
            Self::PrivateRelay { .. } => "private_relay",
            Self::RelayedDataLost { .. } => "relayed_data_lost",
            Self::RelayPortsFiltered { .. } => "relay_ports_filtered",
            Self::Refused { .. } => "refused",
            Self::Redirected { .. } => "redirected",
            Self::Misbehaves(_) => "misbehaves",
            Self::OnlyUdp => "only_udp",
            Self::NoTls => "no_tls",
            Self::NoHttpsPort => "no_https_port",
            Self::ShortTtl(_) => "short_ttl",
            Self::DtlsNotTried => "dtls_not_tried",
        }
    }
}

fn certificate_code(fault: &CertificateFault) -> &'static str {
    match fault {
        CertificateFault::Expired { .. } => "certificate_expired",
        CertificateFault::NotYetValid { .. } => "certificate_not_yet_valid",
        CertificateFault::WrongName { .. } => "certificate_wrong_name",
        CertificateFault::SelfSigned => "certificate_self_signed",
        CertificateFault::UnknownIssuer { .. } => "certificate_unknown_issuer",
        CertificateFault::IncompleteChain { .. } => "certificate_incomplete_chain",
        CertificateFault::Revoked => "certificate_revoked",
        CertificateFault::Other(_) => "certificate_not_accepted",
    }
}
