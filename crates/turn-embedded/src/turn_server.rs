//! The embedded TURN server. It relays UDP on loopback for clients with credentials that were made
//! with the shared secret.

use std::{
    fmt,
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
pub struct EmbeddedTurnServer {
    address: SocketAddr,
    server: Server,
}

impl EmbeddedTurnServer {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Says so if there is no free port.
    pub async fn start(secret: SharedSecret) -> anyhow::Result<Self> {
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
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URIs that a homeserver hands out for it: as usual one for UDP and one for TCP. The TURN
    /// server serves only UDP.
    pub fn uris(&self) -> Vec<String> {
        let uri = |transport| format!("turn:{}?transport={transport}", self.address);
        vec![uri("udp"), uri("tcp")]
    }

    /// Takes back all relays, and stops to listen.
    pub async fn stop(self) {
        if let Err(error) = self.server.close().await {
            tracing::warn!(%error, "the embedded TURN server did not stop cleanly");
        }
    }
}

impl fmt::Debug for EmbeddedTurnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedTurnServer").field("address", &self.address).finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use matrix_sdk_turn::TurnServer;
    use turn_probe::{AllocateError, Relay, allocate};

    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    /// Starts a TURN server, and tries credentials for it after `change` was made to them.
    async fn allocate_with(
        change: impl FnOnce(&SharedSecret, &mut (String, String)),
    ) -> Result<Relay, AllocateError> {
        let secret = SharedSecret::random();
        let turn_server = EmbeddedTurnServer::start(secret.clone()).await.unwrap();
        let mut credentials = issue(&secret, TTL);
        change(&secret, &mut credentials);

        let (username, password) = credentials;
        let outcome = allocate(&TurnServer::new(turn_server.uris(), username, password)).await;
        turn_server.stop().await;
        outcome
    }

    fn issue(secret: &SharedSecret, ttl: Duration) -> (String, String) {
        secret.issue("@alice:localhost", ttl, SystemTime::now())
    }

    #[tokio::test]
    async fn good_credentials_get_a_relay() {
        let relay = allocate_with(|_, _| {}).await.unwrap();
        assert_eq!(relay.address.ip(), Ipv4Addr::LOCALHOST);
        assert_ne!(relay.address.port(), 0);
    }

    #[tokio::test]
    async fn a_wrong_password_is_rejected() {
        let outcome = allocate_with(|_, (_, password)| password.push('x')).await;
        assert!(matches!(outcome, Err(AllocateError::Rejected { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn expired_credentials_are_rejected() {
        let outcome = allocate_with(|secret, credentials| {
            *credentials = issue(secret, Duration::ZERO);
        })
        .await;
        assert!(matches!(outcome, Err(AllocateError::Rejected { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn credentials_made_with_another_secret_are_rejected() {
        let outcome = allocate_with(|_, credentials| {
            *credentials = issue(&SharedSecret::random(), TTL);
        })
        .await;
        assert!(matches!(outcome, Err(AllocateError::Rejected { .. })), "{outcome:?}");
    }
}
