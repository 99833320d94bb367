//! The servers of `--embedded`, the demo's.

use std::time::Duration;

use turn_embedded::{EmbeddedHomeserver, EmbeddedTurnServer, SharedSecret, TurnConfig, USER};

use crate::account::Session;

/// Synapse's default.
const TTL: Duration = Duration::from_secs(3600);

/// A homeserver and a TURN server on loopback.
pub(crate) struct Embedded {
    homeserver: EmbeddedHomeserver,
    turn_server: EmbeddedTurnServer,
}

impl Embedded {
    /// Starts both. The homeserver hands out the URI for UDP alone, since the TURN server serves nothing
    /// else.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let secret = SharedSecret::random();
        let turn_server = EmbeddedTurnServer::start(secret.clone()).await?;
        let mut uris = turn_server.uris();
        uris.retain(|uri| uri.ends_with("transport=udp"));
        let homeserver =
            EmbeddedHomeserver::start(TurnConfig { uris, secret, ttl: TTL }, None).await?;
        Ok(Self { homeserver, turn_server })
    }

    pub(crate) async fn log_in(&self) -> anyhow::Result<Session> {
        Session::log_in(self.homeserver.url().as_str(), USER, self.homeserver.password()).await
    }

    pub(crate) async fn stop(self) {
        self.turn_server.stop().await;
    }
}
