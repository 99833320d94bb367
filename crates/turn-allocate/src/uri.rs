//! URIs of TURN servers ([RFC 7065](https://www.rfc-editor.org/rfc/rfc7065)).

/// The port of a TURN server if its URI names none.
const DEFAULT_PORT: u16 = 3478;

/// Host and port of a URI for TURN over UDP without TLS; `None` for every other URI.
pub(crate) fn udp_host_and_port(uri: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = uri.split_once(':')?;
    let (authority, query) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
    if !scheme.eq_ignore_ascii_case("turn") || !query.eq_ignore_ascii_case("transport=udp") {
        return None;
    }

    let (host, port) = match authority.strip_prefix('[') {
        Some(ipv6) => ipv6.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if port.is_empty() => DEFAULT_PORT,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_over_udp_is_taken() {
        let taken = [
            ("turn:127.0.0.1:4000?transport=udp", ("127.0.0.1", 4000)),
            ("turn:turn.example.org", ("turn.example.org", 3478)),
            ("turn:turn.example.org:80", ("turn.example.org", 80)),
            ("TURN:turn.example.org?transport=UDP", ("turn.example.org", 3478)),
            ("turn:[2001:db8::1]", ("2001:db8::1", 3478)),
            ("turn:[2001:db8::1]:4000?transport=udp", ("2001:db8::1", 4000)),
        ];
        for (uri, expected) in taken {
            assert_eq!(udp_host_and_port(uri), Some(expected), "{uri}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        let others = [
            "",
            "turn",
            "turn:",
            "turn::3478",
            "turn:example.org:",
            "turn:example.org:70000",
            "turn:[::1",
            "turn:[::1]3478",
            "turn:example.org?transport=tcp",
            "turn:example.org?",
            "turns:example.org",
            "turns:example.org?transport=udp",
            "stun:example.org",
        ];
        for uri in others {
            assert_eq!(udp_host_and_port(uri), None, "{uri:?}");
        }
    }
}
