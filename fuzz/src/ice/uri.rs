//! What is printed is plain, and read again as it was meant.

use matrix_sdk_turn::{IceTransport, IceUri, url::Host};

pub(super) fn check(text: &str) {
    let uri: IceUri = match text.parse() {
        Ok(uri) => uri,
        Err(reason) => {
            // Whether `xn--` begins a name of IDNA is for the library to know.
            assert!(!is_plain(text) || text.contains("xn--"), "{text:?} is refused: {reason}");
            return;
        }
    };
    let printed = uri.to_string();
    assert_eq!(printed.parse().as_ref(), Ok(&uri), "{text:?} is printed as {printed:?}");
    assert!(is_plain(&printed), "{text:?} is printed as {printed:?}");
    if is_plain(text) {
        assert_eq!(printed, text);
    }
}

/// A URI in its canonical form. Written down once more, from RFC 7064 and RFC 7065.
fn is_plain(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let (authority, query) = match rest.split_once('?') {
        Some((authority, query)) => (authority, Some(query)),
        None => (rest, None),
    };
    let is_query_plain = match (scheme, query) {
        ("turn" | "turns", Some(query)) => ["transport=udp", "transport=tcp"].contains(&query),
        ("turn" | "turns" | "stun" | "stuns", None) => true,
        _ => false,
    };
    let (host, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    };
    let is_port_plain = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
    });
    is_query_plain && is_port_plain && is_host_plain(host)
}

fn is_host_plain(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse().is_ok_and(|parsed: std::net::Ipv6Addr| {
            // URLs write all of them in hexadecimal digits.
            Host::<String>::Ipv6(parsed).to_string() == host
        });
    }
    if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
        return address.to_string() == host;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let is_label = |label: &&str| (1..64).contains(&label.len()) && label.bytes().all(is_letter);
    // A name that ends in a number would be an address, and not a valid one.
    let is_number = |label: &&str| {
        label.bytes().all(|byte| byte.is_ascii_digit())
            || label
                .strip_prefix("0x")
                .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    name.len() < 254 && labels.iter().all(is_label) && !labels.last().is_some_and(is_number)
}

/// The host as resolvers take it: an IPv6 address without brackets.
pub(super) fn bare_host(uri: &IceUri) -> String {
    match uri.host() {
        Host::Ipv6(address) => {
            let written = Host::<String>::Ipv6(*address).to_string();
            written.trim_matches(['[', ']']).to_owned()
        }
        host => host.to_string(),
    }
}

/// As it is written in a query.
pub(super) fn query(transport: IceTransport) -> String {
    format!("transport={}", transport.as_str())
}
