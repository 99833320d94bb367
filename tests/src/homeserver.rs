//! A homeserver played by wiremock, with a client logged in to it.

use std::{
    ops::Deref,
    panic::resume_unwind,
    sync::atomic::{AtomicU64, Ordering},
};

use matrix_sdk::{
    Client, Room, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::SyncSettings,
    ruma::{OwnedRoomId, owned_device_id, owned_room_id, owned_user_id},
    store::RoomLoadSettings,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockGuard, MockServer, Request, Respond, ResponseTemplate,
    matchers::{header, method, path},
};

/// The access token the client is logged in with.
pub const ACCESS_TOKEN: &str = "syt_secret_access_token";

/// The access token that a refresh brings.
pub const REFRESHED_ACCESS_TOKEN: &str = "syt_secret_refreshed_token";

/// The HTTP server. It is stopped on a thread of its own, since it waits for its locks there, and a task
/// that has used up tokio's budget would wait for ever.
#[derive(Debug)]
pub struct Server(Option<MockServer>);

impl Deref for Server {
    type Target = MockServer;

    fn deref(&self) -> &MockServer {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let server = self.0.take();
        let stopped = std::thread::spawn(move || drop(server)).join();
        if let Err(unmet_expectation) = stopped
            && !std::thread::panicking()
        {
            resume_unwind(unmet_expectation);
        }
    }
}

/// A homeserver, and a client that is logged in to it and joined a room.
#[derive(Debug)]
pub struct Homeserver {
    /// The HTTP server.
    pub server: Server,
    /// The client.
    pub client: Client,
}

impl Homeserver {
    /// Starts one without a TURN endpoint.
    pub async fn start() -> Self {
        Self::start_with(Refreshing::No).await
    }

    /// The same, and the SDK refreshes the access token.
    pub async fn start_with_refresh_token() -> Self {
        Self::start_with(Refreshing::BySdk).await
    }

    /// The same, and the app refreshes the access token.
    pub async fn start_and_let_the_app_refresh_tokens() -> Self {
        Self::start_with(Refreshing::ByApp).await
    }

    /// A homeserver, and a client that is not logged in yet.
    pub async fn start_without_session() -> Self {
        let server = serve().await;
        let client = Client::builder().homeserver_url(server.uri()).build().await.unwrap();
        Self { server, client }
    }

    async fn start_with(refreshing: Refreshing) -> Self {
        let server = serve().await;
        let mut client = Client::builder().homeserver_url(server.uri());
        if refreshing == Refreshing::BySdk {
            client = client.handle_refresh_tokens();
        }
        let homeserver = Self { server, client: client.build().await.unwrap() };
        homeserver.log_in((refreshing != Refreshing::No).then_some("secret_refresh_token")).await;
        homeserver
    }

    /// Logs the client in.
    pub async fn log_in(&self, refresh_token: Option<&str>) {
        let session = session(refresh_token);
        let logged_in =
            self.client.matrix_auth().restore_session(session, RoomLoadSettings::default()).await;
        logged_in.unwrap();
    }

    /// Lets the client refresh its access token, as an app does it. The new one is accepted.
    pub async fn refresh_token(&self) {
        Mock::given(method("POST"))
            .and(path("/_matrix/client/v3/refresh"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({
                "access_token": REFRESHED_ACCESS_TOKEN,
                "expires_in_ms": 60_000,
            })))
            .mount(&self.server)
            .await;
        self.client.matrix_auth().refresh_access_token().await.unwrap();
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

    /// Ends the session, and tells the client so when it asks for something else.
    pub async fn end_session(&self) {
        self.refuse_token_elsewhere(false).await;
    }

    /// Refuses the client's token when it asks for something else than TURN servers.
    pub async fn refuse_token_elsewhere(&self, soft_logout: bool) {
        let error = json!({ "soft_logout": soft_logout });
        Mock::given(method("GET"))
            .and(path("/_matrix/client/v3/account/whoami"))
            .respond_with(matrix_error(401, "M_UNKNOWN_TOKEN", error))
            .mount(&self.server)
            .await;
        assert!(self.client.whoami().await.is_err());
    }

    /// Answers requests for TURN servers that are sent with the refreshed token.
    pub async fn serve_refreshed(&self, response: impl Respond + 'static) {
        Mock::given(method("GET"))
            .and(path("/_matrix/client/v3/voip/turnServer"))
            .and(header("authorization", format!("Bearer {REFRESHED_ACCESS_TOKEN}")))
            .respond_with(response)
            .mount(&self.server)
            .await;
    }

    /// Answers requests for TURN servers until the guard is dropped, whatever they are sent with.
    pub async fn serve_turn_servers(&self, response: impl Respond + 'static) -> MockGuard {
        Mock::given(method("GET"))
            .and(path("/_matrix/client/v3/voip/turnServer"))
            .respond_with(response)
            .mount_as_scoped(&self.server)
            .await
    }

    /// How often TURN servers were asked for.
    pub async fn turn_server_requests(&self) -> usize {
        self.requests("/voip/turnServer").await
    }

    /// How often something was asked for whose path ends like this.
    pub async fn requests(&self, path: &str) -> usize {
        let is_one = |request: &&Request| request.url.path().ends_with(path);
        self.server.received_requests().await.unwrap().iter().filter(is_one).count()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refreshing {
    No,
    BySdk,
    ByApp,
}

/// The session of the account, restored as it was left.
pub fn session(refresh_token: Option<&str>) -> MatrixSession {
    MatrixSession {
        meta: SessionMeta {
            user_id: owned_user_id!("@alice:localhost"),
            device_id: owned_device_id!("DEVICE"),
        },
        tokens: SessionTokens {
            access_token: ACCESS_TOKEN.to_owned(),
            refresh_token: refresh_token.map(ToOwned::to_owned),
        },
    }
}

async fn serve() -> Server {
    // Not one of wiremock's pool: dropping this stops it.
    let server = MockServer::builder().start().await;
    answer(&server, "GET", "/_matrix/client/versions", json!({ "versions": ["v1.11"] })).await;
    let keys = json!({ "one_time_key_counts": { "signed_curve25519": 50 } });
    answer(&server, "POST", "/_matrix/client/v3/keys/upload", keys).await;
    let query = json!({ "device_keys": {}, "failures": {} });
    answer(&server, "POST", "/_matrix/client/v3/keys/query", query).await;
    answer(&server, "GET", "/_matrix/client/v3/sync", sync_response()).await;
    Server(Some(server))
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
