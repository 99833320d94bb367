//! What each transport is given, read again as it reads it.

use matrix_sdk_turn::{
    IceScheme, IceServer, IceTransport, IceUri, SecretUri, TurnServer, TurnState,
};
use percent_encoding::percent_decode_str;

use super::uri::{bare_host, query};
use crate::secret::{MARK, assert_none_in};

pub(super) fn check(server: &TurnServer, username: &str, password: &str) {
    assert_eq!((server.username(), server.password()), (username, password));
    let uris: Vec<IceUri> = match can_authenticate(server) {
        true => server.ice_uris().collect(),
        false => Vec::new(),
    };
    let shown = [
        check_for_browsers(server, !uris.is_empty()),
        check_gstreamer(server, &uris),
        check_libdatachannel(server, &uris),
        check_endpoints(server, &uris),
        format!("{server:?}"),
    ];
    if !server.uris().iter().any(|uri| uri.contains(MARK)) {
        shown.iter().for_each(|shown| assert_none_in(shown));
    }
}

/// Whether a transport can make use of the credentials, or needs none.
fn can_authenticate(server: &TurnServer) -> bool {
    let fits = |text: &str| !text.is_empty() && !text.contains('\0');
    !server.ice_uris().any(|uri| uri.is_turn())
        || (fits(server.username()) && fits(server.password()) && server.username().len() <= 509)
}

/// The checks return how what they checked is shown.
fn check_for_browsers(server: &TurnServer, is_usable: bool) -> String {
    let borrowed = server.ice_servers();
    assert_eq!(borrowed.len(), usize::from(is_usable));
    let json = serde_json::to_string(&borrowed).expect("strings serialize");
    let read: Vec<IceServer> = serde_json::from_str(&json).expect("what is written is read");
    assert_eq!(read, server.to_ice_servers());
    for it in &read {
        let fields = (&*it.urls, &*it.username, &*it.credential);
        assert_eq!(fields, (server.uris(), server.username(), server.password()));
    }
    let state = TurnState::Available(server.clone());
    assert_eq!(state.ice_servers(), borrowed);
    format!("{borrowed:?} {read:?}")
}

/// What a transport makes of a URI.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    scheme: String,
    username: String,
    password: String,
    host: String,
    port: u16,
    query: Option<String>,
}

impl Read {
    fn expected(uri: &IceUri, server: &TurnServer, query: Option<String>) -> Self {
        let of_turn = |text: &str| if uri.is_turn() { text.to_owned() } else { String::new() };
        Self {
            scheme: uri.scheme().as_str().to_owned(),
            username: of_turn(server.username()),
            password: of_turn(server.password()),
            host: bare_host(uri),
            port: uri.port(),
            query,
        }
    }

    /// `scheme`, `separator`, `[USERNAME:PASSWORD@]host:port[?query]`. Nothing that is encoded has a
    /// character at which somebody could split.
    fn from(uri: &str, separator: &str) -> Self {
        assert!(uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{uri}");
        let (scheme, rest) = uri.split_once(separator).expect("a scheme");
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        assert!(!rest.contains('/') && rest.matches('@').count() <= 1, "{uri}");
        let (user, address) = rest.split_once('@').unwrap_or((":", rest));
        let (username, password) = user.split_once(':').expect("a username and a password");
        let (host, port) = address.rsplit_once(':').expect("a port");
        assert!(!password.contains(':'), "{uri}");
        Self {
            scheme: scheme.to_owned(),
            username: decoded(username),
            password: decoded(password),
            host: decoded(host.trim_matches(['[', ']'])),
            port: port.parse().expect("a number"),
            query,
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().expect("text was encoded").into_owned()
}

fn check_gstreamer(server: &TurnServer, uris: &[IceUri]) -> String {
    let read = |uri: &str| Read::from(uri, "://");
    let turn = server.gstreamer_turn_servers();
    let expected = uris
        .iter()
        .filter(|uri| uri.is_turn() && !is_dtls(uri))
        .map(|uri| Read::expected(uri, server, written_query(uri)));
    assert!(expected.eq(turn.iter().map(|uri| read(uri.as_str()))), "{}", shown(&turn));

    let stun = server.gstreamer_stun_servers();
    let expected = uris
        .iter()
        .filter(|uri| uri.scheme() == IceScheme::Stun)
        .map(|uri| Read::expected(uri, server, None));
    assert!(expected.eq(stun.iter().map(|uri| read(uri))), "{stun:?}");
    format!("{turn:?}")
}

fn check_libdatachannel(server: &TurnServer, uris: &[IceUri]) -> String {
    let converted = server.libdatachannel_ice_servers();
    let expected =
        uris.iter().filter(|uri| uri.scheme() != IceScheme::Stuns && !is_dtls(uri)).map(|uri| {
            let is_plain_turn = uri.scheme() == IceScheme::Turn;
            Read::expected(uri, server, is_plain_turn.then(|| query(uri.transport())))
        });
    let read = converted.iter().map(|uri| {
        let (host_and_user, _) = uri.as_str().split_once('?').unwrap_or((uri.as_str(), ""));
        assert!(!host_and_user.contains('['), "it would end the host at its first colon");
        Read::from(uri.as_str(), ":")
    });
    assert!(expected.eq(read), "{}", shown(&converted));
    format!("{converted:?}")
}

fn check_endpoints(server: &TurnServer, uris: &[IceUri]) -> String {
    let endpoints: Vec<_> = server.turn_endpoints().collect();
    assert_eq!(endpoints.len(), uris.iter().filter(|uri| uri.is_turn()).count());
    for (endpoint, uri) in endpoints.iter().zip(uris.iter().filter(|uri| uri.is_turn())) {
        assert_eq!((&endpoint.host, endpoint.port), (uri.host(), uri.port()));
        assert_eq!((endpoint.transport, endpoint.is_tls), (uri.transport(), uri.is_tls()));
        assert_eq!((endpoint.username, endpoint.password), (server.username(), server.password()));
    }
    format!("{endpoints:?}")
}

fn is_dtls(uri: &IceUri) -> bool {
    uri.is_turn() && uri.is_tls() && uri.transport() == IceTransport::Udp
}

/// The query, if the URI was written with one.
fn written_query(uri: &IceUri) -> Option<String> {
    uri.to_string().contains('?').then(|| query(uri.transport()))
}

fn shown(uris: &[SecretUri]) -> String {
    uris.iter().map(SecretUri::as_str).collect::<Vec<_>>().join(" ")
}
