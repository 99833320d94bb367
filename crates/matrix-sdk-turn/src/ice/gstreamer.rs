//! GStreamer's `webrtcbin`, and what is built on it.

use super::SecretUri;
use crate::{
    credentials::TurnServer,
    state::TurnState,
    uri::{IceScheme, IceTransport, IceUri},
};

impl TurnServer {
    /// The TURN servers, each as `turn(s)://USERNAME:PASSWORD@host:port[?transport=udp|tcp]` with
    /// both halves percent-encoded.
    ///
    /// That is what `webrtcbin` takes as its property
    /// [`turn-server`](https://gstreamer.freedesktop.org/documentation/webrtc/index.html#webrtcbin:turn-server)
    /// and in its action
    /// [`add-turn-server`](https://gstreamer.freedesktop.org/documentation/webrtc/index.html#webrtcbin::add-turn-server),
    /// and what the elements of gst-plugins-rs take in their property
    /// [`turn-servers`](https://gstreamer.freedesktop.org/documentation/rswebrtc/index.html).
    ///
    /// Where the homeserver's URI names no transport, `webrtcbin` tries UDP and TCP. TURN over DTLS
    /// (`turns:host?transport=udp`) is missing, since `webrtcbin` would use TCP instead.
    ///
    /// **`turns://` may go without TLS.** `webrtcbin` 1.22 with libnice 0.1.21 (Debian 12's) takes it,
    /// and speaks TURN over plain TCP to the port that is meant for TLS. coturn lends a relay all the
    /// same, unless it is told to speak nothing but TLS; a server that insists on TLS lends none.
    ///
    /// GStreamer writes these strings, with the password, into its debug log at level `DEBUG`.
    pub fn gstreamer_turn_servers(&self) -> Vec<SecretUri> {
        self.usable_uris()
            .filter_map(|uri| {
                let (before, after) = gstreamer_turn_server(&uri)?;
                Some(SecretUri::new(before, self, &after))
            })
            .collect()
    }

    /// The STUN servers, each as `stun://host:port`.
    ///
    /// `webrtcbin` takes one of them, as its property
    /// [`stun-server`](https://gstreamer.freedesktop.org/documentation/webrtc/index.html#webrtcbin:stun-server).
    /// STUN over TLS (`stuns:`) is missing, since `webrtcbin` would use UDP instead.
    pub fn gstreamer_stun_servers(&self) -> Vec<String> {
        self.usable_uris()
            .filter(|uri| uri.scheme() == IceScheme::Stun)
            .map(|uri| format!("stun://{}:{}", uri.host(), uri.port()))
            .collect()
    }
}

/// What comes before username and password, and what comes after them.
fn gstreamer_turn_server(uri: &IceUri) -> Option<(&'static str, String)> {
    let before = match (uri.scheme(), uri.transport()) {
        (IceScheme::Turn, _) => "turn://",
        (IceScheme::Turns, IceTransport::Tcp) => "turns://",
        (IceScheme::Turns, IceTransport::Udp) | (IceScheme::Stun | IceScheme::Stuns, _) => {
            return None;
        }
    };
    let query = match uri.written_transport() {
        Some(transport) => format!("?transport={}", transport.as_str()),
        None => String::new(),
    };
    Some((before, format!("{}:{}{query}", uri.host(), uri.port())))
}

impl TurnState {
    /// As [`TurnServer::gstreamer_turn_servers`]: empty when TURN is unavailable.
    pub fn gstreamer_turn_servers(&self) -> Vec<SecretUri> {
        self.available().map(TurnServer::gstreamer_turn_servers).unwrap_or_default()
    }

    /// As [`TurnServer::gstreamer_stun_servers`]: empty when TURN is unavailable.
    pub fn gstreamer_stun_servers(&self) -> Vec<String> {
        self.available().map(TurnServer::gstreamer_stun_servers).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;
    use crate::ice::test_servers::{self, Credentials};

    /// How `webrtcbin` reads a URI: `gst_uri_from_string_escaped`, then `_parse_userinfo`.
    #[derive(Debug, PartialEq, Eq)]
    struct Read {
        scheme: String,
        username: Option<String>,
        password: Option<String>,
        host: String,
        port: u16,
        query: Option<String>,
    }

    fn unescape(text: &str) -> String {
        let text = percent_decode_str(text).decode_utf8().unwrap().into_owned();
        assert!(!text.contains('\0'), "GLib refuses NUL");
        text
    }

    fn read(uri: &str) -> Read {
        let uri = uri.trim_start_matches(['\u{b}', ' ', '\t', '\n', '\r', '\u{c}']);
        assert!(!uri.contains('\0'), "C ends a string there");
        let (scheme, rest) = uri.split_once(':').unwrap();
        let rest = rest.strip_prefix("//").expect("an authority");
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (userinfo, address) = match authority.split_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, authority),
        };
        let (username, password) = match userinfo.map(|it| it.split_once(':').unwrap()) {
            Some((username, password)) => (Some(unescape(username)), Some(unescape(password))),
            None => (None, None),
        };
        let (host, port) = match address.strip_prefix('[') {
            Some(address) => address.split_once("]:").unwrap(),
            None => address.split_once(':').unwrap(),
        };
        Read {
            scheme: scheme.to_owned(),
            username,
            password,
            host: unescape(host),
            port: port.parse().unwrap(),
            query: (!rest.is_empty()).then(|| rest.to_owned()),
        }
    }

    #[test]
    fn f23_synapses_credentials_are_percent_encoded() {
        let server = test_servers::synapse([
            "turn:turn.example.com?transport=udp",
            "TURN:10.20.30.40:443?transport=TCP",
            "turns:[2001:db8::1]?transport=tcp",
            "turn:turn.example.com",
        ]);
        let user = "1443779631%3A%40user%3Aexample.com:JlKfBy1QwLrO20385QyAtEyIv0%2F%2B%3D";
        let uris = server.gstreamer_turn_servers();
        assert_eq!(
            uris.iter().map(SecretUri::as_str).collect::<Vec<_>>(),
            [
                format!("turn://{user}@turn.example.com:3478?transport=udp"),
                format!("turn://{user}@10.20.30.40:443?transport=tcp"),
                format!("turns://{user}@[2001:db8::1]:5349?transport=tcp"),
                format!("turn://{user}@turn.example.com:3478"),
            ]
        );
    }

    #[test]
    fn what_webrtcbin_would_take_for_something_else_is_missing() {
        let server =
            test_servers::synapse(["turns:a?transport=udp", "stuns:a", "stun:a", "turn:a"]);
        assert_eq!(server.gstreamer_turn_servers().len(), 1);
        assert_eq!(server.gstreamer_stun_servers(), ["stun://a:3478"]);
    }

    #[test]
    fn a_stun_server_has_host_and_port() {
        let server = TurnServer::new(
            vec!["stun:[::1]".to_owned(), "stun:a:1".to_owned(), "turn:a".to_owned()],
            "u",
            "p",
        );
        assert_eq!(server.gstreamer_stun_servers(), ["stun://[::1]:3478", "stun://a:1"]);
        assert_eq!(read("stun://[::1]:3478").host, "::1");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn webrtcbin_reads_what_was_meant(
            Credentials { username, password } in test_servers::credentials(),
            uri in test_servers::uri(),
        ) {
            let server = TurnServer::new(vec![uri], &*username, &*password);
            for (converted, uri) in server.gstreamer_turn_servers().iter().zip(server.ice_uris()) {
                prop_assert_eq!(read(converted.as_str()), Read {
                    scheme: uri.scheme().as_str().to_owned(),
                    username: Some(username.clone()),
                    password: Some(password.clone()),
                    host: test_servers::bare_host(&uri),
                    port: uri.port(),
                    query: uri
                        .written_transport()
                        .map(|transport| format!("?transport={}", transport.as_str())),
                });
            }
            for (converted, uri) in server.gstreamer_stun_servers().iter().zip(server.ice_uris()) {
                prop_assert_eq!(read(converted), Read {
                    scheme: "stun".to_owned(),
                    username: None,
                    password: None,
                    host: test_servers::bare_host(&uri),
                    port: uri.port(),
                    query: None,
                });
            }
        }
    }
}
