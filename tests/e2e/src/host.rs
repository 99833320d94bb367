//! The host program: serves the page and the widget, and carries messages between the page's
//! WebSocket and the widget's driver.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use futures::{SinkExt, StreamExt};
use matrix_sdk::{Room, widget::WidgetSettings};
use matrix_sdk_turn::{
    CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, TurnService,
    TurnWidgetDriverHandle, async_trait,
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The files that a page needs.
const FILES: [(&str, &str); 4] = [
    ("page.html", "text/html"),
    ("page.js", "text/javascript"),
    ("widget.html", "text/html"),
    ("widget.js", "text/javascript"),
];

/// A client program of one user's, with its page on a port of 127.0.0.1.
pub(crate) struct Host {
    pub(crate) turn: TurnService,
    url: String,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    turn: TurnService,
    room: Room,
    files: PathBuf,
    grants: Arc<Grants>,
}

/// Which widgets are granted TURN servers, by their ids. Everything else is granted to all.
pub(crate) type Grants = dyn Fn(&str) -> bool + Send + Sync;

impl Host {
    /// Serves widgets in a room.
    pub(crate) async fn start(
        room: Room,
        files: PathBuf,
        grants: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let turn = TurnService::new(&room.client());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        // Widget messages are small and come in pairs: with Nagle's algorithm, the second one waits
        // for the page's system to acknowledge the first.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::warn!(%error, "widget messages are going to be late");
            }
        });
        let shared = Shared { turn: turn.clone(), room, files, grants: Arc::new(grants) };
        let router = Router::new()
            .route("/{file}", get(serve_file))
            .route("/socket/{widget_id}", get(serve_socket))
            .with_state(shared);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the host's server stopped");
            }
        });
        Ok(Self { turn, url, server })
    }

    /// The page for a widget.
    pub(crate) fn page(&self, widget_id: &str) -> String {
        format!("{}/page.html?widgetId={widget_id}", self.url)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve_file(Path(file): Path<String>, State(shared): State<Shared>) -> Response {
    let Some((name, kind)) = FILES.into_iter().find(|(name, _)| *name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match std::fs::read(shared.files.join(name)) {
        Ok(contents) => ([(CONTENT_TYPE, kind)], contents).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn serve_socket(
    Path(widget_id): Path<String>,
    State(shared): State<Shared>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |socket| serve_widget(shared, widget_id, socket).await)
}

/// As long as the page lives: a page that is loaded again is another one, with another driver.
async fn serve_widget(shared: Shared, widget_id: String, socket: WebSocket) {
    let Shared { turn, room, grants, .. } = shared;
    let settings = match WidgetSettings::new(widget_id.clone(), true, "http://localhost/") {
        Ok(settings) => settings,
        Err(error) => return tracing::error!(%error, "the widget has no URL"),
    };
    let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings);
    let provider = Provider { grants_turn: grants(&widget_id) };
    tokio::select! {
        _ = driver.run(room, provider) => tracing::info!(widget_id, "the driver ended"),
        () = carry_messages(&handle, socket) => tracing::info!(widget_id, "the page is gone"),
    }
}

async fn carry_messages(handle: &TurnWidgetDriverHandle, socket: WebSocket) {
    let (mut to_page, mut from_page) = socket.split();
    loop {
        tokio::select! {
            message = handle.recv() => {
                let Some(message) = message else { return };
                if to_page.send(Message::text(message)).await.is_err() {
                    return;
                }
            }
            message = from_page.next() => match message {
                Some(Ok(Message::Text(message))) => {
                    if !handle.send(message.to_string()) {
                        return;
                    }
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
        }
    }
}

/// Stands in for the user who is asked.
struct Provider {
    grants_turn: bool,
}

#[async_trait]
impl TurnCapabilitiesProvider for Provider {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        let turn_servers = requested.turn_servers && self.grants_turn;
        CapabilitiesWithTurn::new(requested.capabilities, turn_servers)
    }
}
