//! TURN credentials in the words of transports.

use serde::Serialize;

use crate::{credentials::TurnServer, state::TurnState};

/// A W3C [`RTCIceServer`](https://www.w3.org/TR/webrtc/#rtciceserver-dictionary), which serializes
/// to exactly what `new RTCPeerConnection({ iceServers })` takes.
///
/// It borrows the credentials, and shows them to whoever serializes it; its `Debug` does not.
#[derive(Clone, PartialEq, Eq, Serialize)]
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

impl std::fmt::Debug for RtcIceServer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtcIceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl TurnServer {
    /// The `iceServers` of an `RTCConfiguration`: one entry with all URIs.
    pub fn ice_servers(&self) -> Vec<RtcIceServer<'_>> {
        // An entry without URIs makes `new RTCPeerConnection` throw.
        if self.uris().is_empty() {
            return Vec::new();
        }
        vec![RtcIceServer {
            urls: self.uris(),
            username: self.username(),
            credential: self.password(),
        }]
    }
}

impl TurnState {
    /// The `iceServers` of an `RTCConfiguration`: empty when TURN is unavailable.
    pub fn ice_servers(&self) -> Vec<RtcIceServer<'_>> {
        self.available().map(TurnServer::ice_servers).unwrap_or_default()
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

        assert_eq!(
            serde_json::to_value(&ice_servers).unwrap(),
            json!([{
                "urls": ["turn:a?transport=udp", "turns:a"],
                "username": "alice",
                "credential": "s3cret",
            }])
        );
        let debug = format!("{ice_servers:?}");
        assert!(!debug.contains("s3cret") && !debug.contains("alice"), "{debug}");
    }

    #[test]
    fn f4_f5_it_never_holds_what_makes_rtc_peer_connection_throw() {
        let unavailable =
            TurnState::Unavailable(Unavailable::new(UnavailableReason::NotConfigured));
        assert_eq!(serde_json::to_value(unavailable.ice_servers()).unwrap(), json!([]));
        assert_eq!(TurnServer::new(vec![], "u", "p").ice_servers(), []);

        let stun = TurnServer::new(vec!["stun:a".to_owned()], "", "");
        assert_eq!(
            serde_json::to_value(stun.ice_servers()).unwrap(),
            json!([{ "urls": ["stun:a"] }])
        );
    }
}
