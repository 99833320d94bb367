//! What is wrong with a URI, for people.

use std::net::Ipv6Addr;

use matrix_sdk_turn::IceUri;
use turn_probe::Text;

/// Names a URI, and says what is wrong with it; `None` if it can be used.
pub(crate) fn mistake(uri: &str) -> Option<String> {
    let why = uri.parse::<IceUri>().err()?;
    let name = match has_no_password(uri) {
        true => format!("{:?}", Text::new(uri)),
        false => "a URI".to_owned(),
    };
    let rest = uri.split_once(':').map_or(uri, |(_scheme, rest)| rest);
    let what = match rest.split_once('?') {
        _ if uri.trim() != uri => "there are spaces around it".to_owned(),
        Some((host, _query)) if !host.starts_with('/') && host.ends_with('/') => {
            "there is a slash before `?`".to_owned()
        }
        None if !rest.starts_with('/') && rest.ends_with('/') => {
            "there is a slash at its end".to_owned()
        }
        _ => why.to_string(),
    };
    Some(format!("{name} cannot be used: {what}"))
}

/// Whether there is only a host in a URI, perhaps with a port, and no place where a user or a password could
/// be.
fn has_no_password(uri: &str) -> bool {
    const SCHEMES: [&str; 6] = ["stun", "stuns", "turn", "turns", "http", "https"];

    let is_scheme = |text: &str| SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(text));
    let uri = uri.trim();
    let rest = uri.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
    let rest = rest.map_or(uri, |(_scheme, rest)| rest);
    let (place, query) = rest.split_once('?').unwrap_or((rest, "transport="));
    let transport = query.strip_prefix("transport=");
    let place = place.trim_matches('/');
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !place.ends_with(']') => (host, port),
        _ => (place, "0"),
    };
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host =
        !host.contains([':', '@']) || ipv6.is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    let is_transport = |text: &str| text.chars().all(|char| char.is_ascii_alphabetic());
    is_host && port.parse::<u16>().is_ok() && transport.is_some_and(is_transport)
}

/// The mistakes of several URIs, each.
pub(crate) fn mistakes<'a>(uris: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    uris.into_iter().filter_map(mistake).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_names_the_uri_and_what_is_wrong() {
        let uris = [
            "turn:a/?transport=udp",
            "turn:b/",
            "turn://c",
            " turn:d",
            "turn:e:0",
            "turn:f?transport=udp",
        ];
        let expected = [
            "\"turn:a/?transport=udp\" cannot be used: there is a slash before `?`",
            "\"turn:b/\" cannot be used: there is a slash at its end",
            "\"turn://c\" cannot be used: a slash follows its scheme, where the host belongs",
            "\" turn:d\" cannot be used: there are spaces around it",
            "\"turn:e:0\" cannot be used: its port is not a number from 1 to 65535",
        ];
        assert_eq!(mistakes(uris), expected);
    }

    #[test]
    fn a_uri_with_a_user_is_not_shown() {
        for uri in [
            "turn:alice:s3cret@a",
            "turn:alice:s3cret",
            "alice:s3cret",
            "turn:a:3478:alice:s3cret",
            "turn:alice:123456",
            "turn:[alice:s3cret]",
            "turn://alice:s3cret/a",
            "turn:a?username=alice&password=s3cret",
        ] {
            let mistake = mistake(uri).unwrap();
            assert!(mistake.starts_with("a URI cannot be used"), "{mistake}");
        }
        for uri in ["turn:[::1]:0", "turn:[::1]/", "http://a", "a:3478", "TURN:a?transport=sctp"] {
            let mistake = mistake(uri).unwrap();
            assert!(mistake.starts_with(&format!("{uri:?} cannot be used")), "{mistake}");
        }
    }
}
