//! The embedded TURN server: relays UDP on loopback, for whoever has credentials made with the
//! shared secret.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use tokio::net::UdpSocket;
use turn::{
    auth::{AuthHandler, generate_auth_key},
    relay::relay_none::RelayAddressGeneratorNone,
    server::{
        Server,
        config::{ConnConfig, ServerConfig},
    },
};
use webrtc_util::vnet::net::Net;

use crate::shared_secret::SharedSecret;

const REALM: &str = "localhost";

/// A TURN server on a port of 127.0.0.1 that the system picked.
pub(crate) struct EmbeddedTurnServer {
    address: SocketAddr,
    server: Server,
}

impl EmbeddedTurnServer {
    pub(crate) async fn start(secret: SharedSecret) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the embedded TURN server found no free UDP port on 127.0.0.1")?;
        let address = socket.local_addr()?;
        let server = Server::new(ServerConfig {
            conn_configs: vec![ConnConfig {
                conn: Arc::new(socket),
                relay_addr_generator: Box::new(RelayAddressGeneratorNone {
                    address: Ipv4Addr::LOCALHOST.to_string(),
                    net: Arc::new(Net::new(None)),
                }),
            }],
            realm: REALM.to_owned(),
            auth_handler: Arc::new(CheckCredentials(secret)),
            channel_bind_timeout: Duration::ZERO,
            alloc_close_notify: None,
        })
        .await
        .context("the embedded TURN server did not start")?;
        Ok(Self { address, server })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a homeserver hands out for it: as most do, a URI for UDP and one for TCP. Only the
    /// former is served.
    pub(crate) fn uris(&self) -> Vec<String> {
        let uri = |transport| format!("turn:{}?transport={transport}", self.address);
        vec![uri("udp"), uri("tcp")]
    }

    pub(crate) async fn stop(self) {
        if let Err(error) = self.server.close().await {
            tracing::warn!(%error, "the embedded TURN server did not stop cleanly");
        }
    }
}

struct CheckCredentials(SharedSecret);

impl AuthHandler for CheckCredentials {
    /// The key that the request must be signed with, which proves that the sender has the password.
    fn auth_handle(
        &self,
        username: &str,
        realm: &str,
        _source: SocketAddr,
    ) -> Result<Vec<u8>, turn::Error> {
        let Self(secret) = self;
        let password = secret
            .password(username, SystemTime::now())
            .map_err(|refused| turn::Error::Other(refused.to_string()))?;
        Ok(generate_auth_key(username, realm, &password))
    }
}
