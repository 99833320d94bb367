//! Three fields, `urls`, `username` and `credential`: for browsers, and what is modelled on them.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::{credentials::TurnServer, state::TurnState};

/// A W3C [`RTCIceServer`](https://www.w3.org/TR/webrtc/#rtciceserver-dictionary), which serializes
/// to exactly what `new RTCPeerConnection({ iceServers })` takes in a browser or a web view.
///
/// It borrows the credentials, and shows them to whoever serializes it; its `Debug` does not.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RtcIceServer<'a> {
    /// The URIs.
    pub urls: &'a [String],
    /// The username; left out for STUN servers, which have none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub username: &'a str,
    /// The password; left out for STUN servers, which have none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub credential: &'a str,
}

/// The three fields that transports outside of browsers want, as they want them: owned, and none
/// missing. Without a username or a password, for STUN servers, the field is empty.
///
/// - webrtc-rs: [`RTCIceServer`](https://docs.rs/webrtc/0.17/webrtc/ice_transport/ice_server/struct.RTCIceServer.html),
///   field by field or by way of JSON;
/// - rtc: [`RTCIceServer`](https://docs.rs/rtc/latest/rtc/peer_connection/configuration/struct.RTCIceServer.html),
///   the same;
/// - libwebrtc, as LiveKit has it:
///   [`IceServer`](https://docs.rs/libwebrtc/latest/libwebrtc/peer_connection_factory/struct.IceServer.html),
///   where `credential` is called `password`;
/// - aiortc: [`RTCIceServer`](https://aiortc.readthedocs.io/en/latest/api.html#aiortc.RTCIceServer),
///   `RTCIceServer(**json)`. It raises a `ValueError` on a URI with an IPv6 address, which one has
///   to leave out of `urls` for it.
///
/// Its `Debug` shows neither username nor password, and both are wiped from memory when it is
/// dropped. That is why a field is not moved out of it, but taken:
///
/// ```
/// use std::mem::take;
///
/// # #[derive(Default)]
/// # struct RTCIceServer { urls: Vec<String>, username: String, credential: String }
/// # fn example(state: matrix_sdk_turn::TurnState) -> Vec<RTCIceServer> {
/// let ice_servers = state.to_ice_servers().into_iter().map(|mut server| RTCIceServer {
///     urls: take(&mut server.urls),
///     username: take(&mut server.username),
///     credential: take(&mut server.credential),
///     ..Default::default()
/// });
/// # ice_servers.collect()
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// The URIs.
    pub urls: Vec<String>,
    /// The username.
    #[serde(default)]
    pub username: String,
    /// The password.
    #[serde(default)]
    pub credential: String,
}

impl Drop for IceServer {
    fn drop(&mut self) {
        self.username.zeroize();
        self.credential.zeroize();
    }
}

impl fmt::Debug for RtcIceServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcIceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl From<&RtcIceServer<'_>> for IceServer {
    fn from(server: &RtcIceServer<'_>) -> Self {
        Self {
            urls: server.urls.to_vec(),
            username: server.username.to_owned(),
            credential: server.credential.to_owned(),
        }
    }
}

impl TurnServer {
    /// The `iceServers` of an `RTCConfiguration`: one entry with all URIs.
    pub fn ice_servers(&self) -> Vec<RtcIceServer<'_>> {
        // An entry without URIs makes `new RTCPeerConnection` throw, and so do an empty username
        // and an empty credential.
        if self.uris().is_empty() || self.flaw().is_some() {
            return Vec::new();
        }
        vec![RtcIceServer {
            urls: self.uris(),
            username: self.username(),
            credential: self.password(),
        }]
    }

    /// The same for transports outside of browsers: see [`IceServer`].
    pub fn to_ice_servers(&self) -> Vec<IceServer> {
        self.ice_servers().iter().map(IceServer::from).collect()
    }
}

impl TurnState {
    /// The `iceServers` of an `RTCConfiguration`: empty when TURN is unavailable.
    pub fn ice_servers(&self) -> Vec<RtcIceServer<'_>> {
        self.available().map(TurnServer::ice_servers).unwrap_or_default()
    }

    /// As [`TurnServer::to_ice_servers`]: empty when TURN is unavailable.
    pub fn to_ice_servers(&self) -> Vec<IceServer> {
        self.available().map(TurnServer::to_ice_servers).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::unavailable::{Unavailable, UnavailableReason};

    #[test]
    fn it_serializes_to_what_rtc_peer_connection_takes() {
        let uris = vec!["turn:a?transport=udp".to_owned(), "turns:a".to_owned()];
        let state = TurnState::Available(TurnServer::new(uris, "alice", "s3cret"));
        let ice_servers = state.ice_servers();
        let fields = json!([{
            "urls": ["turn:a?transport=udp", "turns:a"],
            "username": "alice",
            "credential": "s3cret",
        }]);

        assert_eq!(serde_json::to_value(&ice_servers).unwrap(), fields);
        assert_eq!(serde_json::to_value(state.to_ice_servers()).unwrap(), fields);
        let debug = format!("{ice_servers:?} {:?}", state.to_ice_servers());
        assert!(!debug.contains("s3cret") && !debug.contains("alice"), "{debug}");
    }

    #[test]
    fn f4_f5_it_never_holds_what_makes_rtc_peer_connection_throw() {
        let unavailable =
            TurnState::Unavailable(Unavailable::new(UnavailableReason::NotConfigured));
        assert_eq!(serde_json::to_value(unavailable.ice_servers()).unwrap(), json!([]));
        assert_eq!(TurnServer::new(vec![], "u", "p").ice_servers(), []);
        for (username, password) in [("", "p"), ("u", ""), (&"u".repeat(510), "p")] {
            let turn = TurnServer::new(vec!["turn:a".to_owned()], username, password);
            assert_eq!(turn.ice_servers(), []);
        }

        let stun = TurnServer::new(vec!["stun:a".to_owned()], "", "");
        assert_eq!(
            serde_json::to_value(stun.ice_servers()).unwrap(),
            json!([{ "urls": ["stun:a"] }])
        );
    }

    #[test]
    fn f24_outside_of_browsers_no_field_is_missing() {
        let stun = TurnServer::new(vec!["stun:a".to_owned()], "", "");
        let json = serde_json::to_value(stun.to_ice_servers()).unwrap();
        assert_eq!(json, json!([{ "urls": ["stun:a"], "username": "", "credential": "" }]));
    }

    #[test]
    fn what_is_serialized_for_a_browser_deserializes_as_well() {
        for (username, password) in [("u", "p"), ("", "")] {
            let server = TurnServer::new(vec!["stun:a".to_owned()], username, password);
            for json in [
                serde_json::to_string(&server.ice_servers()).unwrap(),
                serde_json::to_string(&server.to_ice_servers()).unwrap(),
            ] {
                let read: Vec<IceServer> = serde_json::from_str(&json).unwrap();
                assert_eq!(read, server.to_ice_servers());
            }
        }
    }
}
