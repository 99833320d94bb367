//! The embedded homeserver: the parts of the client-server API that a client needs to log in, to sync
//! one room, and to ask for TURN credentials.

use std::{
    fmt,
    future::pending,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use matrix_sdk::ruma::{ClientSecret, OwnedRoomId, owned_room_id};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use crate::{
    fault::{Failure, Fault, FaultState},
    shared_secret::SharedSecret,
};

/// The name of the homeserver's only account.
pub const USER: &str = "alice";

/// The user ID of the homeserver's only account.
pub const USER_ID: &str = "@alice:localhost";

/// What the homeserver hands out to clients that ask for TURN servers.
#[derive(Debug)]
pub struct TurnConfig {
    /// Where the TURN servers are.
    pub uris: Vec<String>,
    /// What the credentials are made with.
    pub secret: SharedSecret,
    /// How long they are valid.
    pub ttl: Duration,
}

/// A homeserver on a port of 127.0.0.1 that the system picked, with one account and one room.
pub struct EmbeddedHomeserver {
    url: Url,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    turn: Mutex<TurnConfig>,
    fault: Mutex<FaultState>,
    password: String,
    access_token: String,
    turn_server_requests: AtomicU32,
}

impl EmbeddedHomeserver {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Says so if there is no free port.
    pub async fn start(turn: TurnConfig, fault: Option<Fault>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the embedded homeserver found no free TCP port on 127.0.0.1")?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let shared = Arc::new(Shared {
            turn: Mutex::new(turn),
            fault: Mutex::new(FaultState::new(fault)),
            password: ClientSecret::new().to_string(),
            access_token: ClientSecret::new().to_string(),
            turn_server_requests: AtomicU32::new(0),
        });
        let router = router(shared.clone());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the embedded homeserver stopped");
            }
        });
        Ok(Self { url, shared, server })
    }

    /// Where it listens.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The password of its only account, [`USER`].
    pub fn password(&self) -> &str {
        &self.shared.password
    }

    /// From now on, credentials are valid for `ttl`.
    pub fn set_ttl(&self, ttl: Duration) {
        self.shared.turn().ttl = ttl;
    }

    /// From now on, this goes wrong, or nothing.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.shared.fault() = FaultState::new(fault);
    }

    /// How many requests for TURN credentials there were.
    pub fn turn_server_requests(&self) -> u32 {
        self.shared.turn_server_requests.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn turn(&self) -> MutexGuard<'_, TurnConfig> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> MutexGuard<'_, FaultState> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for EmbeddedHomeserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedHomeserver")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Drop for EmbeddedHomeserver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The room that the account is in.
pub fn room_id() -> OwnedRoomId {
    owned_room_id!("!demo:localhost")
}

fn router(shared: Arc<Shared>) -> Router {
    let for_users = Router::new()
        .route("/_matrix/client/v3/sync", get(sync))
        .route("/_matrix/client/v3/keys/upload", post(upload_keys))
        .route("/_matrix/client/v3/keys/query", post(query_keys))
        .route("/_matrix/client/v3/logout", post(logout))
        .route("/_matrix/client/v3/voip/turnServer", get(turn_server))
        .route_layer(middleware::from_fn_with_state(shared.clone(), require_access_token));

    Router::new()
        .route("/_matrix/client/versions", get(versions))
        .route("/_matrix/client/v3/login", post(login))
        .merge(for_users)
        .fallback(async || matrix_error(StatusCode::NOT_FOUND, "M_UNRECOGNIZED"))
        .method_not_allowed_fallback(async || {
            matrix_error(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED")
        })
        .with_state(shared)
}

fn matrix_error(status: StatusCode, errcode: &str) -> Response {
    let error = status.canonical_reason().unwrap_or_default();
    (status, Json(json!({ "errcode": errcode, "error": error }))).into_response()
}

async fn require_access_token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match token {
        None => matrix_error(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN"),
        Some(token) if token == shared.access_token => next.run(request).await,
        Some(_) => matrix_error(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN"),
    }
}

async fn versions() -> Json<Value> {
    Json(json!({ "versions": ["v1.1", "v1.11"] }))
}

async fn login(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Response {
    let is_alice = [USER, USER_ID].map(Value::from).contains(&body["identifier"]["user"]);
    if !is_alice || body["password"] != shared.password {
        return matrix_error(StatusCode::FORBIDDEN, "M_FORBIDDEN");
    }
    Json(json!({
        "user_id": USER_ID,
        "device_id": "TURNDEMO",
        "access_token": shared.access_token,
    }))
    .into_response()
}

async fn logout() -> Json<Value> {
    Json(json!({}))
}

async fn upload_keys() -> Json<Value> {
    Json(json!({ "one_time_key_counts": { "signed_curve25519": 50 } }))
}

async fn query_keys() -> Json<Value> {
    Json(json!({ "device_keys": {} }))
}

async fn sync() -> Json<Value> {
    let state_event = |event_type: &str, state_key: &str, content: Value| {
        json!({
            "type": event_type,
            "state_key": state_key,
            "content": content,
            "event_id": format!("${event_type}"),
            "sender": USER_ID,
            "origin_server_ts": 1_700_000_000_000_u64,
        })
    };
    let room = json!({
        "state": { "events": [
            state_event("m.room.create", "", json!({ "creator": USER_ID, "room_version": "10" })),
            state_event("m.room.member", USER_ID, json!({ "membership": "join" })),
        ]},
        "timeline": { "events": [], "limited": false },
    });
    Json(json!({
        "next_batch": "1",
        "rooms": { "join": { room_id().as_str(): room } },
        "device_one_time_keys_count": { "signed_curve25519": 50 },
    }))
}

async fn turn_server(State(shared): State<Arc<Shared>>) -> Response {
    shared.turn_server_requests.fetch_add(1, Ordering::Relaxed);
    let failure = shared.fault().on_request(Instant::now());
    match failure {
        None => Json(shared.turn().credentials(SystemTime::now())).into_response(),
        Some(failure) => failed(failure).await,
    }
}

async fn failed(failure: Failure) -> Response {
    match failure {
        Failure::Forbidden => matrix_error(StatusCode::FORBIDDEN, "M_FORBIDDEN"),
        Failure::NotConfigured => Json(json!({})).into_response(),
        Failure::Unavailable => matrix_error(StatusCode::SERVICE_UNAVAILABLE, "M_UNKNOWN"),
        Failure::RateLimited { retry_after } => {
            let error = json!({
                "errcode": "M_LIMIT_EXCEEDED",
                "error": "Too Many Requests",
                "retry_after_ms": retry_after.as_millis() as u64,
            });
            (StatusCode::TOO_MANY_REQUESTS, Json(error)).into_response()
        }
        Failure::ProxyPage => (StatusCode::NOT_FOUND, Html(PROXY_PAGE)).into_response(),
        Failure::Nonsense => {
            ([(header::CONTENT_TYPE, "application/json")], "{\"uris\": [\"turn:").into_response()
        }
        // The client hangs up, and this future is dropped.
        Failure::Hanging => pending().await,
    }
}

const PROXY_PAGE: &str = "<html><head><title>404 Not Found</title></head>\
    <body><center><h1>404 Not Found</h1></center></body></html>";

impl TurnConfig {
    fn credentials(&self, now: SystemTime) -> Value {
        let (username, password) = self.secret.issue(USER_ID, self.ttl, now);
        json!({
            "uris": self.uris,
            "username": username,
            "password": password,
            "ttl": self.ttl.as_secs(),
        })
    }
}
