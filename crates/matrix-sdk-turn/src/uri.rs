//! The URIs of ICE servers, as RFC 7064 and RFC 7065 define them and browsers take them.

use std::{fmt, num::NonZeroU16, str::FromStr};

use thiserror::Error;
use url::Host;

/// The URI of a STUN server ([RFC 7064](https://www.rfc-editor.org/rfc/rfc7064)) or of a TURN server
/// ([RFC 7065](https://www.rfc-editor.org/rfc/rfc7065)): `stun:host[:port]`, or
/// `turn:host[:port][?transport=udp|tcp]`.
///
/// Scheme, host and transport are parsed in either case, and printed in lower case: Firefox throws
/// on `?transport=UDP`, and GStreamer refuses `TURN:`. A name that is not ASCII is kept in its ASCII
/// form, as DNS has it. A port or a transport is printed if it was written, even if it is the
/// default; so `turn:host` and `turn:host:3478` are not equal.
///
/// ```
/// use matrix_sdk_turn::{IceTransport, IceUri};
///
/// let uri: IceUri = "TURNS:Bücher.example?transport=TCP".parse()?;
/// assert_eq!(uri.to_string(), "turns:xn--bcher-kva.example?transport=tcp");
/// assert_eq!((uri.port(), uri.transport(), uri.is_tls()), (5349, IceTransport::Tcp, true));
/// # Ok::<_, matrix_sdk_turn::InvalidIceUri>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IceUri {
    scheme: IceScheme,
    host: Host,
    port: Option<NonZeroU16>,
    transport: Option<IceTransport>,
}

/// The scheme of an [`IceUri`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceScheme {
    /// STUN over UDP.
    Stun,
    /// STUN over TLS.
    Stuns,
    /// TURN over UDP or TCP.
    Turn,
    /// TURN over TLS, or over DTLS.
    Turns,
}

/// What carries the messages to and from a STUN or TURN server. (TURN always relays over UDP.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceTransport {
    /// UDP, or DTLS over it.
    Udp,
    /// TCP, or TLS over it.
    Tcp,
}

/// Why something is not an [`IceUri`].
///
/// It does not hold the URI: one with a user in it would show a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum InvalidIceUri {
    /// It has another scheme, or none.
    #[error("it does not begin with stun:, stuns:, turn: or turns:")]
    Scheme,
    /// It has slashes, as in `turn://host`.
    #[error("a slash follows its scheme, where the host belongs")]
    Slash,
    /// It has a user, as in `turn:user@host`.
    #[error("it names a user, and an ICE URI has none")]
    User,
    /// It has no host, or one that can be neither looked up nor reached.
    #[error("its host is neither a name nor an IP address (an IPv6 address is put in brackets)")]
    Host,
    /// It has another port.
    #[error("its port is not a number from 1 to 65535")]
    Port,
    /// It is for a TURN server and has another query.
    #[error("its query is neither transport=udp nor transport=tcp")]
    Query,
    /// It is for a STUN server and has a query.
    #[error("it has a query, which is for TURN servers only")]
    StunQuery,
}

/// A URI of the homeserver's that cannot be used.
///
/// Its `Debug` does not show the URI: one with a user in it would show a password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOutUri {
    /// The URI, as the homeserver sent it: any text at all.
    pub uri: String,
    /// What is wrong with it.
    pub reason: InvalidIceUri,
}

impl fmt::Debug for LeftOutUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeftOutUri").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl IceUri {
    /// The scheme.
    pub fn scheme(&self) -> IceScheme {
        self.scheme
    }

    /// The host: a name in its ASCII form and in lower case, or an IP address.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port: 3478 if the URI has none, or 5349 with TLS.
    pub fn port(&self) -> u16 {
        match self.port {
            Some(port) => port.get(),
            None if self.is_tls() => 5349,
            None => 3478,
        }
    }

    /// The transport: UDP if the URI has none, or TCP with TLS.
    ///
    /// For a `turn:` URI that has none, [RFC 5928](https://www.rfc-editor.org/rfc/rfc5928) would have
    /// DNS tell, and browsers use UDP.
    pub fn transport(&self) -> IceTransport {
        match self.transport {
            Some(transport) => transport,
            None if self.is_tls() => IceTransport::Tcp,
            None => IceTransport::Udp,
        }
    }

    /// The transport, if the URI has one.
    pub(crate) fn written_transport(&self) -> Option<IceTransport> {
        self.transport
    }

    /// Whether the transport is secured: by TLS over TCP, or by DTLS over UDP.
    pub fn is_tls(&self) -> bool {
        matches!(self.scheme, IceScheme::Stuns | IceScheme::Turns)
    }

    /// Whether it is for a TURN server, which asks for a username and a password.
    pub fn is_turn(&self) -> bool {
        self.scheme.is_turn()
    }
}

impl FromStr for IceUri {
    type Err = InvalidIceUri;

    fn from_str(uri: &str) -> Result<Self, InvalidIceUri> {
        let (scheme, rest) = uri.split_once(':').ok_or(InvalidIceUri::Scheme)?;
        let scheme = IceScheme::parse(scheme).ok_or(InvalidIceUri::Scheme)?;
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        if authority.starts_with('/') {
            return Err(InvalidIceUri::Slash);
        }
        if authority.contains('@') {
            return Err(InvalidIceUri::User);
        }
        let (host, port) = split_port(authority);
        Ok(Self {
            scheme,
            host: parse_host(host).ok_or(InvalidIceUri::Host)?,
            port: port.map(|port| parse_port(port).ok_or(InvalidIceUri::Port)).transpose()?,
            transport: query.map(|query| parse_query(scheme, query)).transpose()?,
        })
    }
}

/// `host` and `port` of `host[:port]`. The colons of an IPv6 address stand in brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Only the host is left to the `url` crate. Its parser of whole URLs finds a host only behind `//`,
/// and percent-encodes a name that is not ASCII unless the scheme is one of the web's: no resolver
/// knows such a name. Its parser of hosts gives the name that DNS has.
fn parse_host(host: &str) -> Option<Host> {
    let parsed = Host::parse(host).ok()?;
    let is_usable = match &parsed {
        Host::Domain(name) => is_dns_name(name),
        // `127.1` and `0x7f000001` are addresses in URLs only, and names to some transports.
        Host::Ipv4(address) => address.to_string() == host,
        Host::Ipv6(_) => true,
    };
    is_usable.then_some(parsed)
}

/// Whether DNS can hold it ([RFC 1035, section 2.3.4](https://www.rfc-editor.org/rfc/rfc1035)).
fn is_dns_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn parse_port(port: &str) -> Option<NonZeroU16> {
    // The standard library takes a sign as well.
    port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())?
}

fn parse_query(scheme: IceScheme, query: &str) -> Result<IceTransport, InvalidIceUri> {
    if !scheme.is_turn() {
        return Err(InvalidIceUri::StunQuery);
    }
    match query.to_ascii_lowercase().as_str() {
        "transport=udp" => Ok(IceTransport::Udp),
        "transport=tcp" => Ok(IceTransport::Tcp),
        _ => Err(InvalidIceUri::Query),
    }
}

impl IceScheme {
    /// As it is written in a URI, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }

    fn is_turn(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }

    fn parse(scheme: &str) -> Option<Self> {
        [Self::Stun, Self::Stuns, Self::Turn, Self::Turns]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
    }
}

impl IceTransport {
    /// As it is written in a URI, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

impl fmt::Display for IceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme.as_str(), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(transport) = self.transport {
            write!(f, "?transport={}", transport.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(uri: &str) -> Result<IceUri, InvalidIceUri> {
        uri.parse()
    }

    #[test]
    fn rfc7065_port_and_transport_have_defaults() {
        use IceTransport::{Tcp, Udp};
        let expected = [
            ("stun:a", 3478, Udp, false),
            ("stuns:a", 5349, Tcp, true),
            ("turn:a", 3478, Udp, false),
            ("turns:a", 5349, Tcp, true),
            ("turn:a:443?transport=tcp", 443, Tcp, false),
            ("turns:a?transport=udp", 5349, Udp, true),
            ("turns:a:65535?transport=tcp", 65535, Tcp, true),
        ];
        for (uri, port, transport, is_tls) in expected {
            let parsed = parse(uri).unwrap();
            assert_eq!((parsed.port(), parsed.transport()), (port, transport), "{uri}");
            assert_eq!(parsed.is_tls(), is_tls, "{uri}");
            assert_eq!(parsed.to_string(), uri);
        }
    }

    #[test]
    fn f22_case_and_names_that_are_not_ascii_are_folded() {
        let printed = [
            ("TURN:Host?TRANSPORT=UDP", "turn:host?transport=udp"),
            ("Turns:[2001:DB8:0::1]:0443?Transport=Tcp", "turns:[2001:db8::1]:443?transport=tcp"),
            ("turn:Bücher.example", "turn:xn--bcher-kva.example"),
            ("turn:b%C3%BCcher.example", "turn:xn--bcher-kva.example"),
            ("stun:my_host.example.:1", "stun:my_host.example.:1"),
        ];
        for (uri, canonical) in printed {
            assert_eq!(parse(uri).unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        let expected = [
            ("turn:turn.example.com:1", Host::Domain("turn.example.com".to_owned())),
            ("turn:10.20.30.40:1", Host::Ipv4([10, 20, 30, 40].into())),
            ("turn:[::1]", Host::Ipv6(std::net::Ipv6Addr::LOCALHOST)),
        ];
        for (uri, host) in expected {
            assert_eq!(parse(uri).unwrap().host(), &host);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        use InvalidIceUri::{Host, Port, Query, Scheme, Slash, StunQuery, User};
        let long_label = format!("turn:{}.example", "a".repeat(64));
        let long_name = format!("turn:{}", ["a"; 128].join("."));
        let wrong = [
            (Scheme, vec!["", ":", "a", "turn", "http:a", " turn:a", "turn :a", "turnss:a"]),
            (Slash, vec!["turn://a", "turn:/a", "turn://user:password@a"]),
            (User, vec!["turn:user@a", "turn:user:password@a:3478", "turn:@a"]),
            (
                Host,
                vec![
                    "turn:",
                    "turn::3478",
                    "turn:?transport=udp",
                    "turn:a b",
                    "turn:a ",
                    "turn:a\n",
                    "turn:a\0",
                    "turn:a#b",
                    "turn:a/b",
                    "turn:a!b",
                    "turn:a;b",
                    "turn:a%00b",
                    "turn:a%40b",
                    "turn:a%",
                    "turn:.",
                    "turn:a..b",
                    "turn:2001:db8::1",
                    "turn:[2001:db8::1",
                    "turn:[2001:db8::1]3478",
                    "turn:[fe80::1%25eth0]",
                    "turn:[]",
                    "turn:[a]",
                    "turn:1.2.3",
                    "turn:1.2.3.256",
                    "turn:010.0.0.1",
                    "turn:0x7f.1",
                    "turn:127.0.0.1.",
                    "turn:１２７.0.0.1",
                    "turn:a:1:2",
                    &long_label,
                    &long_name,
                ],
            ),
            (
                Port,
                vec!["turn:a:", "turn:a:0", "turn:a:65536", "turn:a:x", "turn:a:+1", "turn:a:-1"],
            ),
            (
                Query,
                vec![
                    "turn:a?",
                    "turn:a?transport",
                    "turn:a?transport=",
                    "turn:a?transport=tls",
                    "turn:a?transport=udp&x=y",
                    "turn:a?transport=udp#x",
                    "turn:a?transport=udp?transport=tcp",
                    "turn:a?x=y",
                ],
            ),
            (StunQuery, vec!["stun:a?transport=udp", "stuns:a?", "stun:a?x"]),
        ];
        for (reason, uris) in wrong {
            for uri in uris {
                assert_eq!(parse(uri), Err(reason), "{uri:?}");
            }
        }
    }

    #[test]
    fn a_uri_that_is_left_out_is_not_shown() {
        let uri = "turn:alice:s3cret@host".to_owned();
        let reason = parse(&uri).unwrap_err();
        let shown = format!("{reason} {reason:?} {:?}", LeftOutUri { uri, reason });
        assert!(!shown.contains("s3cret") && !shown.contains("alice"), "{shown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn parsing_what_was_printed_gives_the_same(
            scheme in "stuns?|turns?|TURN",
            host in r"\PC{1,12}|[a-z0-9.-]{1,20}|\[[0-9a-f:.]{2,20}\]|[0-9]{1,3}(\.[0-9]{1,3}){3}",
            port in "(:[0-9]{1,5})?",
            query in "(\\?transport=(udp|TCP))?",
        ) {
            if let Ok(uri) = parse(&format!("{scheme}:{host}{port}{query}")) {
                prop_assert_eq!(parse(&uri.to_string()), Ok(uri));
            }
        }

        #[test]
        fn what_is_printed_has_nothing_that_a_transport_could_misread(
            uri in r"(turn|stun)s?:[a-zäß0-9.:@/?#%\[\]&=+。\PC\x00-\x20]{0,16}",
        ) {
            if let Ok(uri) = parse(&uri) {
                let printed = uri.to_string();
                let (_, rest) = printed.split_once(':').unwrap();
                let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.:[]".contains(char);
                let authority = rest.split('?').next().unwrap();
                prop_assert!(authority.chars().all(is_plain), "{:?}", printed);
            }
        }
    }
}
