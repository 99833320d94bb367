//! What is served where: the page on one port, the widgets on another, and so of another origin.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, StatusCode},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::mpsc;

use super::{
    files,
    guard::{PROTOCOL, is_our_page, require_host},
    tab,
};

/// The longest message that the page may send. A longer one ends the connection when its header is read:
/// nothing is allocated for it. The library looks at 64 KiB, and what carries a message adds a little.
const MAX_MESSAGE: usize = 128 * 1024;

/// The most tabs at once. Each has a homeserver and a TURN server of its own.
const MAX_TABS: usize = 8;

/// The longest name of a tab: a UUID has 36 characters.
const MAX_NAME: usize = 64;

/// What both servers know.
#[derive(Clone)]
pub(super) struct Site(Arc<Shared>);

struct Shared {
    page: SocketAddr,
    widgets: SocketAddr,
    token: String,
    ttl: Duration,
    tabs: Mutex<HashMap<String, mpsc::Sender<WebSocket>>>,
}

impl Site {
    pub(super) fn new(page: SocketAddr, widgets: SocketAddr, token: String, ttl: Duration) -> Self {
        Self(Arc::new(Shared { page, widgets, token, ttl, tabs: Mutex::default() }))
    }

    /// Serves the page, and its WebSocket.
    pub(super) fn pages(&self) -> Router {
        Router::new()
            .route("/", get(serve_index))
            .route("/{file}", get(serve_page_file))
            .route("/socket/{tab}", get(serve_socket))
            .layer(middleware::from_fn_with_state(self.0.page, require_host))
            .with_state(self.clone())
    }

    /// Serves the widgets.
    pub(super) fn widgets(&self) -> Router {
        Router::new()
            .route("/widget/{file}", get(serve_widget_file))
            .layer(middleware::from_fn_with_state(self.0.widgets, require_host))
            .with_state(self.clone())
    }

    fn serve_file(&self, name: &str) -> Response {
        let Shared { page, widgets, token, ttl, .. } = &*self.0;
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src ws://{page}; frame-src http://{widgets}; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'"
        );
        let fill_in = [
            ("token", token.as_str()),
            ("widgets", &format!("http://{widgets}")),
            ("ttl", &ttl.as_secs().to_string()),
        ];
        files::serve(files::PAGE, name, &policy, &fill_in)
    }

    /// A tab's connection. A tab that is not known gets a stage.
    async fn connect(&self, tab: String, socket: WebSocket) {
        let Some(connections) = self.tab(&tab) else {
            let why = format!("{MAX_TABS} tabs are open, and more are too many: close one");
            return tab::refuse(socket, why).await;
        };
        // If the tab has just ended, the page tries again.
        let _ = connections.send(socket).await;
    }

    fn tab(&self, name: &str) -> Option<mpsc::Sender<WebSocket>> {
        let mut tabs = self.0.tabs.lock().unwrap_or_else(PoisonError::into_inner);
        tabs.retain(|_, connections| !connections.is_closed());
        if let Some(connections) = tabs.get(name) {
            return Some(connections.clone());
        }
        if tabs.len() == MAX_TABS {
            return None;
        }
        let (connections, receiver) = mpsc::channel(1);
        tokio::spawn(tab::run(self.0.ttl, receiver));
        tabs.insert(name.to_owned(), connections.clone());
        Some(connections)
    }
}

async fn serve_index(State(site): State<Site>) -> Response {
    site.serve_file("index.html")
}

async fn serve_page_file(State(site): State<Site>, Path(file): Path<String>) -> Response {
    site.serve_file(&file)
}

async fn serve_widget_file(State(site): State<Site>, Path(file): Path<String>) -> Response {
    let page = site.0.page;
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self' blob:; \
         frame-ancestors http://{page}; base-uri 'none'; form-action 'none'"
    );
    let name = format!("widget/{file}");
    files::serve(files::WIDGET, &name, &policy, &[("page", &format!("http://{page}"))])
}

async fn serve_socket(
    State(site): State<Site>,
    Path(tab): Path<String>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_our_page(&headers, site.0.page, &site.0.token) {
        return (StatusCode::FORBIDDEN, "Only this run's own page may connect.\n").into_response();
    }
    if tab.len() > MAX_NAME {
        return StatusCode::BAD_REQUEST.into_response();
    }
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(async move |socket| site.connect(tab, socket).await)
}
