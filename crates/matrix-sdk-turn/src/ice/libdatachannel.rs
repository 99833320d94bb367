//! libdatachannel, and what binds to it.

use percent_encoding::utf8_percent_encode;
use url::Host;

use super::{SecretUri, secret::RESERVED};
use crate::{
    credentials::TurnServer,
    state::TurnState,
    uri::{IceScheme, IceTransport},
};

impl TurnServer {
    /// The servers as libdatachannel takes them in
    /// [`iceServers`](https://github.com/paullouisageneau/libdatachannel/blob/master/DOC.md#rtccreatepeerconnection):
    /// `turn:USERNAME:PASSWORD@host:port?transport=udp|tcp` with both halves percent-encoded,
    /// `turns:USERNAME:PASSWORD@host:port`, and `stun:host:port`.
    ///
    /// An IPv6 address is percent-encoded instead of put in brackets: libdatachannel would end the
    /// host at its first colon. STUN over TLS and TURN over DTLS are missing, since it knows
    /// neither. With libjuice, the usual ICE backend, it uses no more than two TURN servers, of
    /// those over UDP; with libnice, also TCP and TLS.
    pub fn libdatachannel_ice_servers(&self) -> Vec<SecretUri> {
        self.usable_uris()
            .filter_map(|uri| {
                let address = format!("{}:{}", encoded(uri.host()), uri.port());
                match (uri.scheme(), uri.transport()) {
                    (IceScheme::Stun, _) => Some(SecretUri::without_user("stun:", &address)),
                    (IceScheme::Turn, transport) => {
                        let after = format!("{address}?transport={}", transport.as_str());
                        Some(SecretUri::new("turn:", self, &after))
                    }
                    // With `?transport=tcp` it would do without TLS.
                    (IceScheme::Turns, IceTransport::Tcp) => {
                        Some(SecretUri::new("turns:", self, &address))
                    }
                    (IceScheme::Turns, IceTransport::Udp) | (IceScheme::Stuns, _) => None,
                }
            })
            .collect()
    }
}

fn encoded(host: &Host) -> String {
    let host = host.to_string();
    utf8_percent_encode(host.trim_matches(['[', ']']), RESERVED).to_string()
}

impl TurnState {
    /// As [`TurnServer::libdatachannel_ice_servers`]: empty when TURN is unavailable.
    pub fn libdatachannel_ice_servers(&self) -> Vec<SecretUri> {
        self.available().map(TurnServer::libdatachannel_ice_servers).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;
    use crate::ice::test_servers::{self, Credentials};

    /// How libdatachannel reads a URI: by a regular expression, then percent-decoding. It sees only
    /// `transport=` in the query, which wins over the scheme.
    #[derive(Debug, PartialEq, Eq)]
    struct Read {
        is_turn: bool,
        relay: &'static str,
        username: String,
        password: String,
        host: String,
        port: u16,
    }

    fn decode(text: &str) -> String {
        let text = percent_decode_str(text).decode_utf8().unwrap().into_owned();
        assert!(!text.contains('\0'), "C ends a string there");
        text
    }

    fn read(uri: &str) -> Read {
        let (scheme, rest) = uri.split_once(':').unwrap();
        let rest = rest.trim_start_matches('/');
        // The expression is free to choose among several of these.
        assert!(rest.matches('@').count() <= 1 && !rest.contains('#'));
        let (userinfo, rest) = rest.split_once('@').unwrap_or((":", rest));
        assert_eq!(userinfo.matches(':').count(), 1);
        let (username, password) = userinfo.split_once(':').unwrap();

        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        assert!(!address.contains('/'));
        let (host, port) = address.split_once(':').unwrap();
        let relay = [("transport=tls", "tls"), ("transport=tcp", "tcp"), ("transport=udp", "udp")]
            .into_iter()
            .find_map(|(word, relay)| query.contains(word).then_some(relay));
        Read {
            is_turn: match scheme {
                "turn" | "turns" => true,
                "stun" => false,
                _ => panic!("libdatachannel throws on {scheme}"),
            },
            relay: relay.unwrap_or(if scheme == "turns" { "tls" } else { "udp" }),
            username: decode(username),
            password: decode(password),
            host: decode(host),
            port: port.parse().unwrap(),
        }
    }

    #[test]
    fn f29_synapses_credentials_are_percent_encoded() {
        let server = test_servers::synapse([
            "turn:turn.example.com",
            "turn:10.20.30.40:443?transport=tcp",
            "turns:[2001:db8::1]?transport=tcp",
            "stun:[::1]",
            "stun:a:1",
        ]);
        let user = "1443779631%3A%40user%3Aexample.com:JlKfBy1QwLrO20385QyAtEyIv0%2F%2B%3D";
        let uris = server.libdatachannel_ice_servers();
        assert_eq!(
            uris.iter().map(SecretUri::as_str).collect::<Vec<_>>(),
            [
                &format!("turn:{user}@turn.example.com:3478?transport=udp"),
                &format!("turn:{user}@10.20.30.40:443?transport=tcp"),
                &format!("turns:{user}@2001%3Adb8%3A%3A1:5349"),
                "stun:%3A%3A1:3478",
                "stun:a:1",
            ]
        );
    }

    #[test]
    fn what_libdatachannel_does_not_know_is_missing() {
        let server = test_servers::synapse(["turns:a?transport=udp", "stuns:a", "turns:a"]);
        let uris = server.libdatachannel_ice_servers();
        assert_eq!(uris.len(), 1);
        assert_eq!(read(uris[0].as_str()).relay, "tls");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn libdatachannel_reads_what_was_meant(
            Credentials { username, password } in test_servers::credentials(),
            uri in test_servers::uri(),
        ) {
            let server = TurnServer::new(vec![uri], &*username, &*password);
            let uris = server.libdatachannel_ice_servers();
            for (converted, uri) in uris.iter().zip(server.ice_uris()) {
                let is_turn = uri.is_turn();
                let expected = Read {
                    is_turn,
                    relay: if uri.is_tls() { "tls" } else { uri.transport().as_str() },
                    username: if is_turn { username.clone() } else { String::new() },
                    password: if is_turn { password.clone() } else { String::new() },
                    host: test_servers::bare_host(&uri),
                    port: uri.port(),
                };
                prop_assert_eq!(read(converted.as_str()), expected);
            }
        }
    }
}
