//! The page: a client that hosts two widgets in a browser, to watch the library at work and to break
//! what it depends on.
//!
//! Each tab has a stage of its own, with a homeserver, a TURN server, a session and a service. So no tab
//! disturbs another, or the widget in the terminal.

mod clock;
mod events;
mod files;
mod from_page;
mod guard;
mod peers;
mod prompts;
mod protocol;
mod runtimes;
mod site;
mod source;
mod stage;
mod tab;
mod widgets;

#[cfg(test)]
mod tests;

use std::{net::Ipv4Addr, time::Duration};

use anyhow::Context;
use matrix_sdk::ruma::ClientSecret;
use tokio::{net::TcpListener, task::JoinHandle};

use self::site::Site;

/// Where the page is, unless another program is there.
const PORT: u16 = 8390;

/// How many ports are tried before the system picks one.
const PORTS_TRIED: u16 = 10;

/// The servers of the page and of the widgets, which have another origin. They stop when this is dropped.
pub(crate) struct Page {
    url: String,
    /// Why it is not where it usually is, if it is not.
    moved: Option<String>,
    servers: [JoinHandle<()>; 2],
}

impl Page {
    /// Starts to listen on 127.0.0.1. The stages' credentials are valid for `ttl`.
    pub(crate) async fn start(ttl: Duration) -> anyhow::Result<Self> {
        let page = listen().await.context("the page found no free TCP port on 127.0.0.1")?;
        let widgets = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the widgets found no free TCP port on 127.0.0.1")?;
        let port = page.local_addr()?.port();
        let site = Site::new(page.local_addr()?, widgets.local_addr()?, token(), ttl);
        Ok(Self {
            url: format!("http://127.0.0.1:{port}/"),
            moved: (port != PORT).then(|| format!("port {PORT} is taken, so it is on {port}")),
            servers: [serve(page, site.pages()), serve(widgets, site.widgets())],
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn moved(&self) -> Option<&str> {
        self.moved.as_deref()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

/// Only the page that this run serves knows it.
fn token() -> String {
    ClientSecret::new().to_string()
}

async fn listen() -> std::io::Result<TcpListener> {
    for port in PORT..PORT + PORTS_TRIED {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok(listener);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}

fn serve(listener: TcpListener, router: axum::Router) -> JoinHandle<()> {
    use axum::serve::ListenerExt;

    // Widget messages are small and come in pairs: with Nagle's algorithm, the second one waits for
    // the browser's system to acknowledge the first.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "messages are going to be late");
        }
    });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the page's server stopped");
        }
    })
}
