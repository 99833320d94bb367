//! A homeserver and a TURN server on loopback, which share a secret: enough to log in, to sync one room,
//! to be handed TURN credentials, and to relay with them. What goes wrong can be chosen.
//!
//! ```
//! use std::time::Duration;
//!
//! use turn_embedded::EmbeddedServers;
//!
//! # #[tokio::main]
//! # async fn main() -> anyhow::Result<()> {
//! let servers = EmbeddedServers::start(Duration::from_secs(30), None).await?;
//! println!("log in at {} as {}", servers.homeserver.url(), turn_embedded::USER_ID);
//! servers.stop().await;
//! # Ok(())
//! # }
//! ```

mod fault;
mod homeserver;
mod shared_secret;
mod turn_server;

use std::time::Duration;

pub use self::{
    fault::Fault,
    homeserver::{EmbeddedHomeserver, TurnConfig, USER, USER_ID, room_id},
    shared_secret::{Refused, SharedSecret},
    turn_server::EmbeddedTurnServer,
};

/// A homeserver, and the TURN server whose credentials it hands out.
#[derive(Debug)]
pub struct EmbeddedServers {
    /// It stops when it is dropped.
    pub homeserver: EmbeddedHomeserver,
    /// It stops by [`stop`](Self::stop).
    pub turn_server: EmbeddedTurnServer,
    secret: SharedSecret,
}

impl EmbeddedServers {
    /// Starts both, on ports of 127.0.0.1 that the system picks. Credentials are valid for `ttl`.
    ///
    /// # Errors
    ///
    /// Says which of them found no port.
    pub async fn start(ttl: Duration, fault: Option<Fault>) -> anyhow::Result<Self> {
        let secret = SharedSecret::random();
        let turn_server = EmbeddedTurnServer::start(secret.clone()).await?;
        let turn = TurnConfig { uris: turn_server.uris(), secret: secret.clone(), ttl };
        let homeserver = EmbeddedHomeserver::start(turn, fault).await?;
        Ok(Self { homeserver, turn_server, secret })
    }

    /// Gives both another secret: the TURN server rejects all credentials handed out so far.
    pub fn rotate_secret(&self) {
        self.secret.rotate();
    }

    /// Stops both.
    pub async fn stop(self) {
        self.turn_server.stop().await;
    }
}
