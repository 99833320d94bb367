//! A homeserver played by wiremock, with a client logged in to it.

use std::sync::atomic::{AtomicU64, Ordering};

use matrix_sdk::{
    Client, Room, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::SyncSettings,
    ruma::{OwnedRoomId, owned_device_id, owned_room_id, owned_user_id},
    store::RoomLoadSettings,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{header, method, path},
};

/// The access token the client is logged in with.
pub const ACCESS_TOKEN: &str = "syt_secret_access_token";

/// A homeserver, and a client that is logged in to it and joined a room.
#[derive(Debug)]
pub struct Homeserver {
    /// The HTTP server.
    pub server: MockServer,
    /// The client.
    pub client: Client,
}

impl Homeserver {
    /// Starts one without a TURN endpoint.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same, and the client can refresh its access token.
    pub async fn start_with_refresh_token() -> Self {
        Self::start_with(Some("secret_refresh_token".to_owned())).await
    }

    async fn start_with(refresh_token: Option<String>) -> Self {
        // Not one of wiremock's pool: dropping this stops it.
        let server = MockServer::builder().start().await;
        answer(&server, "GET", "/_matrix/client/versions", json!({ "versions": ["v1.11"] })).await;
        let keys = json!({ "one_time_key_counts": { "signed_curve25519": 50 } });
        answer(&server, "POST", "/_matrix/client/v3/keys/upload", keys).await;
        let query = json!({ "device_keys": {}, "failures": {} });
        answer(&server, "POST", "/_matrix/client/v3/keys/query", query).await;
        answer(&server, "GET", "/_matrix/client/v3/sync", sync_response()).await;

        let mut client = Client::builder().homeserver_url(server.uri());
        if refresh_token.is_some() {
            client = client.handle_refresh_tokens();
        }
        let client = client.build().await.unwrap();
        let session = MatrixSession {
            meta: SessionMeta {
                user_id: owned_user_id!("@alice:localhost"),
                device_id: owned_device_id!("DEVICE"),
            },
            tokens: SessionTokens { access_token: ACCESS_TOKEN.to_owned(), refresh_token },
        };
        client.matrix_auth().restore_session(session, RoomLoadSettings::default()).await.unwrap();
        Self { server, client }
    }

    /// Lets the client learn of the room it joined.
    pub async fn room(&self) -> Room {
        self.client.sync_once(SyncSettings::default()).await.unwrap();
        self.client.get_room(&room_id()).unwrap()
    }

    /// Answers requests for TURN servers.
    pub async fn answer_turn_servers(&self, response: impl Respond + 'static) {
        Mock::given(method("GET"))
            .and(path("/_matrix/client/v3/voip/turnServer"))
            .and(header("authorization", format!("Bearer {ACCESS_TOKEN}")))
            .respond_with(response)
            .mount(&self.server)
            .await;
    }

    /// How often TURN servers were asked for.
    pub async fn turn_server_requests(&self) -> usize {
        let is_turn_server = |request: &&Request| request.url.path().ends_with("/voip/turnServer");
        self.server.received_requests().await.unwrap().iter().filter(is_turn_server).count()
    }
}

async fn answer(server: &MockServer, verb: &str, at: &str, body: Value) {
    Mock::given(method(verb))
        .and(path(at))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

/// The room the client joined.
pub fn room_id() -> OwnedRoomId {
    owned_room_id!("!room:localhost")
}

fn sync_response() -> Value {
    static NEXT_BATCH: AtomicU64 = AtomicU64::new(0);
    let event = |kind: &str, state_key: &str, content: Value| {
        json!({
            "type": kind,
            "state_key": state_key,
            "content": content,
            "event_id": format!("${kind}"),
            "sender": "@alice:localhost",
            "origin_server_ts": 1,
        })
    };
    let state = [
        event("m.room.create", "", json!({ "room_version": "10", "creator": "@alice:localhost" })),
        event("m.room.member", "@alice:localhost", json!({ "membership": "join" })),
    ];
    json!({
        "next_batch": format!("s{}", NEXT_BATCH.fetch_add(1, Ordering::Relaxed)),
        "rooms": { "join": { room_id().as_str(): {
            "state": { "events": state },
            "timeline": { "events": [], "limited": false, "prev_batch": "p" },
        } } },
    })
}

/// The answer of a homeserver that has TURN servers.
pub fn turn_servers(username: &str, ttl: u64) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "uris": ["turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443"],
        "username": username,
        "password": "turn-s3cret",
        "ttl": ttl,
    }))
}

/// An error of the Matrix API.
pub fn matrix_error(status: u16, errcode: &str, more: Value) -> ResponseTemplate {
    let mut body = json!({ "errcode": errcode, "error": "in the homeserver's words" });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    ResponseTemplate::new(status).set_body_json(body)
}
