//! What there is to say, as data.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use matrix_sdk_turn::{IceTransport, InvalidIceUri};

use super::circumstances::Origin;
use crate::failure::{CertificateFault, NameFault, Stranger, Text, Unreachable};

/// How many places are listed before the rest is counted.
const MAX_LISTED: usize = 3;

/// What is the matter. What it means and what to change are in its
/// [`Explanation`](crate::Explanation), as a part of the [`Finding`](crate::Finding).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The homeserver hands out no TURN server.
    NoTurn,
    /// It hands out one that no client can use: what is wrong with it.
    Misconfigured(Text),
    /// It refuses TURN to the account.
    Forbidden,
    /// All URIs are for STUN servers.
    NoTurnUri,
    /// A URI that no client can use.
    UnusableUri(InvalidIceUri),
    /// A URI names an address that can be reached from its own network alone, or from its own machine.
    PrivateUri(IpAddr),
    /// Browsers do not connect to the port.
    PortRefusedByBrowsers(u16),
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
    /// So many URIs or addresses were not tried, since there are too many.
    TooMany(usize),
    /// The time was over before it was tried to the end.
    OutOfTime,

    /// A name has no address.
    UnknownName {
        /// The name.
        host: String,
        /// Why.
        fault: NameFault,
    },
    /// The name cannot be looked up in time.
    SlowName(String),
    /// Nothing listens at the ports.
    PortClosed {
        /// Where.
        places: Places,
        /// Where the same address speaks TURN.
        sibling: Option<Place>,
    },
    /// Nothing comes back from the ports.
    Silent {
        /// Where.
        places: Places,
        /// Where the same address speaks TURN.
        sibling: Option<Place>,
    },
    /// A firewall says that it rejects what is sent there.
    Rejected(Places),
    /// Nothing comes back by UDP, while TURN over TCP works at the same port.
    UdpFiltered {
        /// The port.
        port: u16,
    },
    /// The server's IPv6 address does not work, while IPv4 does.
    Ipv6Dead {
        /// The address.
        ip: IpAddr,
    },
    /// This machine has no route to the address.
    NoRoute {
        /// Whether the address is one of IPv6.
        ipv6: bool,
    },
    /// The network says that the address cannot be reached.
    Unroutable {
        /// The address.
        ip: IpAddr,
        /// What the network says.
        why: Unreachable,
    },
    /// This machine's own firewall lets nothing out to the port.
    HeldBack(Places),
    /// The router of this network has the server's address, and does not reflect to the server.
    Hairpin(SocketAddr),
    /// Answers come from another address.
    AnsweredFrom {
        /// The address that was asked.
        asked: SocketAddr,
        /// The address that answers.
        from: SocketAddr,
    },
    /// A web proxy has the name, and drops everything but HTTP.
    BehindWebProxy(String),
    /// Something else than a TURN server answers.
    NotTurn {
        /// Where.
        places: Places,
        /// What.
        stranger: Stranger,
        /// Where the same address speaks TURN.
        sibling: Option<Place>,
    },

    /// The certificate is not accepted.
    Certificate {
        /// The name that was asked for.
        host: String,
        /// What is wrong.
        fault: CertificateFault,
    },
    /// The server demands a certificate of the client.
    ClientCertificate,
    /// TLS fails, and not for the certificate.
    TlsFails(Text),
    /// The certificate is about to expire.
    CertificateExpiresSoon {
        /// In how many days.
        days: u64,
    },

    /// The credentials are rejected, since they have expired.
    Expired {
        /// How long ago, by this machine's clock.
        ago: Duration,
        /// Where they come from.
        origin: Origin,
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
        /// Where they come from.
        origin: Origin,
        /// For how long they are still valid, by this machine's clock.
        valid_for: Duration,
        /// Whether the homeserver's clock is known to agree with this machine's.
        clocks_agree: bool,
    },
    /// The credentials are rejected after a relay was lent with them.
    RejectedLater,
    /// A username and a password that do not expire are rejected.
    PasswordRejected {
        /// Where they come from.
        origin: Origin,
    },
    /// The TURN server relays for clients without credentials.
    OpenRelay,
    /// The TURN server asks for credentials without the realm or the nonce that they are signed with.
    NoChallenge(&'static str),
    /// The TURN server demands an algorithm that clients do not have.
    UnsupportedAlgorithm,

    /// The TURN server answers STUN, and lends no relays.
    OnlyStun,
    /// The TURN server relays, and does not answer Binding requests.
    NoBinding,
    /// The TURN server answers the first request, and falls silent once it would relay.
    FellSilent {
        /// Whether it answers nothing else either.
        is_busy: bool,
    },
    /// The TURN server does not relay to itself.
    PeerDenied {
        /// The address that it denies.
        ip: IpAddr,
        /// The address that clients reach it at.
        server: IpAddr,
    },
    /// The TURN server does not relay to this machine's address.
    OwnAddressDenied(IpAddr),
    /// The TURN server lends no relay of the family that is asked for (440), or none that reaches the
    /// peer's (443).
    WrongFamily {
        /// The error code.
        code: u16,
    },
    /// A quota is used up.
    Quota(QuotaUser),
    /// The TURN server has no port for the first relay.
    NoRelayAddress,
    /// The TURN server has ports for some relays, and none for more.
    NoPorts,
    /// The relay has an address that cannot be reached from outside.
    PrivateRelay {
        /// The relay's.
        relay: IpAddr,
        /// The server's.
        server: IpAddr,
    },
    /// The relay has another public address than the server, and data does not arrive there.
    RelayElsewhere {
        /// The relay's.
        relay: IpAddr,
        /// The server's.
        server: IpAddr,
    },
    /// Data between two relays is lost.
    RelayedDataLost {
        /// A relay.
        relay: SocketAddr,
        /// Whether data from outside arrives at relays.
        is_reached_from_outside: bool,
    },
    /// Data from outside to a relay is lost.
    RelayPortsFiltered {
        /// The relay.
        relay: SocketAddr,
    },
    /// What a relay sends unasked does not arrive.
    OnlyAnswers,
    /// The TURN server sees clients at another address than their own.
    SourceNat {
        /// The address that the server sees.
        seen: IpAddr,
        /// This machine's.
        local: IpAddr,
        /// Whether this machine may be in the server's own network.
        is_near: bool,
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
        /// Whether that is where they come from.
        in_circle: bool,
    },
    /// The TURN server's answers have the ids of other requests.
    WrongTransaction,
    /// The checksum of the TURN server's answers is wrong.
    WrongFingerprint,
    /// The TURN server's answers are not signed with the password.
    WrongSignature,
    /// The TURN server does what none should: what that is.
    Misbehaves(Text),
}

impl Cause {
    /// Takes the places of a cause that is the same but for them, and says whether it did.
    pub(super) fn absorb(&mut self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::PortClosed { places, sibling },
                Self::PortClosed { places: others, sibling: other },
            )
            | (Self::Silent { places, sibling }, Self::Silent { places: others, sibling: other }) => {
                sibling == other && places.absorb(others)
            }
            (
                Self::NotTurn { places, stranger, sibling },
                Self::NotTurn { places: others, stranger: other, sibling: place },
            ) => stranger == other && sibling == place && places.absorb(others),
            (Self::Rejected(places), Self::Rejected(others))
            | (Self::HeldBack(places), Self::HeldBack(others)) => places.absorb(others),
            // Relays differ in their ports alone.
            (Self::RelayPortsFiltered { relay }, Self::RelayPortsFiltered { relay: other }) => {
                relay.ip() == other.ip()
            }
            (
                Self::RelayedDataLost { relay, is_reached_from_outside },
                Self::RelayedDataLost { relay: other, is_reached_from_outside: reached },
            ) => relay.ip() == other.ip() && is_reached_from_outside == reached,
            (cause, other) => cause == other,
        }
    }
}

/// By which relays a quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QuotaUser {
    /// The probe's own: as many as a call takes.
    Ours,
    /// Others of the account or the server.
    Others,
    /// It is no number of relays, but bandwidth.
    Bandwidth,
}

/// A port of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Place {
    /// Address and port.
    pub address: SocketAddr,
    /// By which transport.
    pub transport: IceTransport,
    /// Whether TLS is spoken there, or should be.
    pub is_tls: bool,
}

impl Place {
    /// A port of a server, without TLS.
    pub fn new(address: SocketAddr, transport: IceTransport) -> Self {
        Self { address, transport, is_tls: false }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {}", self.address, transport_name(self.transport))
    }
}

pub(super) fn transport_name(transport: IceTransport) -> &'static str {
    match transport {
        IceTransport::Udp => "UDP",
        IceTransport::Tcp => "TCP",
    }
}

/// Ports that have the same in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places(Vec<Place>);

impl Places {
    /// All of them; there is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    fn absorb(&mut self, others: &Self) -> bool {
        for place in &others.0 {
            if !self.0.contains(place) {
                self.0.push(*place);
            }
        }
        true
    }

    /// The ports, as firewalls name them: `3478/udp and 3478/tcp`.
    pub(super) fn ports(&self) -> String {
        let mut ports: Vec<String> = Vec::new();
        for place in &self.0 {
            let transport = transport_name(place.transport).to_lowercase();
            let port = format!("{}/{transport}", place.address.port());
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        enumeration(&ports)
    }
}

impl From<Place> for Places {
    fn from(place: Place) -> Self {
        Self(vec![place])
    }
}

/// `192.0.2.1:3478 over UDP and TCP`, addresses beyond the third counted.
impl fmt::Display for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut addresses: Vec<(SocketAddr, Vec<String>)> = Vec::new();
        for place in &self.0 {
            let transport = transport_name(place.transport).to_owned();
            match addresses.iter_mut().find(|(address, _)| *address == place.address) {
                Some((_, transports)) if transports.contains(&transport) => {}
                Some((_, transports)) => transports.push(transport),
                None => addresses.push((place.address, vec![transport])),
            }
        }
        let rest = addresses.len().saturating_sub(MAX_LISTED);
        let mut listed: Vec<String> = addresses
            .iter()
            .take(MAX_LISTED)
            .map(|(address, transports)| format!("{address} over {}", enumeration(transports)))
            .collect();
        if rest > 0 {
            listed.push(format!("{rest} more"));
        }
        f.write_str(&enumeration(&listed))
    }
}

fn enumeration(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
