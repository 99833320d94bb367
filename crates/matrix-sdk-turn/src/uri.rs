//! The URIs of ICE servers, as RFC 7064 and RFC 7065 define them and browsers take them.

use std::{fmt, net::Ipv6Addr};

/// `scheme:host[:port]`, for TURN with `?transport=udp` or `?transport=tcp`.
///
/// Its `Display` has the scheme and the transport in lower case: Chromium takes `?transport=UDP`, and
/// Firefox throws a SyntaxError on it. Both take hosts that are not ASCII, and so does this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IceUri<'a> {
    scheme: Scheme,
    /// `host[:port]`, as it was written.
    authority: &'a str,
    transport: Option<Transport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Stun,
    Stuns,
    Turn,
    Turns,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

impl<'a> IceUri<'a> {
    /// `None` for what no WebRTC implementation takes.
    pub(crate) fn parse(uri: &'a str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "stun" => Scheme::Stun,
            "stuns" => Scheme::Stuns,
            "turn" => Scheme::Turn,
            "turns" => Scheme::Turns,
            _ => return None,
        };
        let (authority, query) = rest.split_once('?').map_or((rest, None), |(a, q)| (a, Some(q)));
        let transport = match query {
            Some(query) => Some(transport(query)?),
            None => None,
        };
        let parsed = Self { scheme, authority, transport };
        let is_query_allowed = parsed.is_turn() || transport.is_none();
        (is_authority(authority) && is_query_allowed).then_some(parsed)
    }

    /// Whether it is for a TURN server, which asks for a username and a password.
    pub(crate) fn is_turn(&self) -> bool {
        matches!(self.scheme, Scheme::Turn | Scheme::Turns)
    }
}

fn transport(query: &str) -> Option<Transport> {
    match query.strip_prefix("transport=")?.to_ascii_lowercase().as_str() {
        "udp" => Some(Transport::Udp),
        "tcp" => Some(Transport::Tcp),
        _ => None,
    }
}

/// Whether it is `host` or `host:port`.
fn is_authority(authority: &str) -> bool {
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    };
    if let Some(bracketed) = authority.strip_prefix('[') {
        let Some((host, port)) = bracketed.split_once(']') else { return false };
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return host.parse::<Ipv6Addr>().is_ok() && is_port;
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
    let is_host_char = |char: char| char.is_alphanumeric() || "-._~%".contains(char);
    !host.is_empty() && host.chars().all(is_host_char) && port.is_none_or(is_port)
}

impl fmt::Display for IceUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Stun => "stun",
            Scheme::Stuns => "stuns",
            Scheme::Turn => "turn",
            Scheme::Turns => "turns",
        };
        let query = match self.transport {
            None => "",
            Some(Transport::Udp) => "?transport=udp",
            Some(Transport::Tcp) => "?transport=tcp",
        };
        write!(f, "{scheme}:{}{query}", self.authority)
    }
}
