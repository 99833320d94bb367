//! The crate turn-server: a TURN server that shares no code with coturn.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::task::JoinHandle;
use turn_server::config::{Auth, Config, Interface, Server};

use super::port;

/// turn-server on 127.0.0.1, in this process. Its own program does no more than to read a configuration
/// and call the same function.
pub(crate) struct TurnServerCrate {
    port: u16,
    task: JoinHandle<anyhow::Result<()>>,
}

impl TurnServerCrate {
    pub(crate) fn start(secret: &str) -> anyhow::Result<Self> {
        let port = port::free()?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let interface = Interface::Udp { listen, external: listen, idle_timeout: 20, mtu: 1500 };
        let config = Config {
            server: Server {
                realm: "localhost".to_owned(),
                interfaces: vec![interface],
                ..Server::default()
            },
            auth: Auth { static_auth_secret: Some(secret.to_owned()), ..Auth::default() },
            ..Config::default()
        };
        Ok(Self { port, task: tokio::spawn(turn_server::start_server(config)) })
    }

    /// What a homeserver hands out for it.
    pub(crate) fn uri(&self) -> String {
        format!("turn:127.0.0.1:{}?transport=udp", self.port)
    }

    /// Fails if it ended by itself.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.task.abort();
        match self.task.await {
            Err(error) if error.is_cancelled() => Ok(()),
            ended => ended.context("turn-server panicked")?.context("turn-server ended"),
        }
    }
}
