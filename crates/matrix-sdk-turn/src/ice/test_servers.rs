//! Servers and credentials to test conversions with.

use proptest::prelude::*;
use url::Host;

use crate::{credentials::TurnServer, uri::IceUri};

/// Credentials as Synapse makes them.
pub(super) fn synapse<const N: usize>(uris: [&str; N]) -> TurnServer {
    TurnServer::new(
        uris.map(str::to_owned).to_vec(),
        "1443779631:@user:example.com",
        "JlKfBy1QwLrO20385QyAtEyIv0/+=",
    )
}

/// A username and a password.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

/// Any that are accepted: all but empty ones and those with NUL.
pub(super) fn credentials() -> impl Strategy<Value = Credentials> {
    let text = || r"[@:/?#%\[\]&=+ a\x01-\x1f\x7f]{1,12}|\PC{1,12}|[\x01-\u{10FFFF}]{1,12}";
    (text(), text()).prop_map(|(username, password)| Credentials { username, password })
}

/// Whatever a homeserver could send as a URI, and often one.
pub(super) fn uri() -> impl Strategy<Value = String> {
    let address = r"[a-z0-9-]{1,8}(\.[a-z]{1,4}){0,2}|127\.0\.0\.[1-9]|\[([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\]|\[::ffff:1\.2\.3\.[1-9]\]|[é%\x00-\x20@:/?#\[\]a1.\PC]{1,8}";
    let query = r"(\?transport=(udp|tcp|UDP))?|\?[a-z=&#@/]{1,12}";
    ("(stun|turn|TURN)s?:", address, "(:[1-9][0-9]{0,3})?", query)
        .prop_map(|(scheme, host, port, query)| format!("{scheme}{host}{port}{query}"))
}

/// The host as resolvers take it: an IPv6 address without brackets.
pub(super) fn bare_host(uri: &IceUri) -> String {
    match uri.host() {
        Host::Ipv6(_) => uri.host().to_string().trim_matches(['[', ']']).to_owned(),
        host => host.to_string(),
    }
}
