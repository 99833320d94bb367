//! Where a call takes place that needs no more of a homeserver than credentials: the embedded
//! homeserver, and either TURN server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use turn_embedded::{
    EmbeddedHomeserver, EmbeddedTurnServer, SharedSecret, TurnConfig, USER, room_id,
};

use crate::{account::Account, environment::Environment, host::Host, parts::Coturn};

const SECRET: &str = "the-secret-of-one-call";

/// Which TURN server relays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Coturn,
    /// The crate `turn` of webrtc-rs.
    Embedded,
}

/// The servers, and the account that both ends of the call are logged in to.
pub(crate) struct Venue {
    pub(crate) account: Account,
    files: PathBuf,
    relay: Relay,
    /// It stops when it is dropped.
    _homeserver: EmbeddedHomeserver,
}

#[expect(clippy::large_enum_variant, reason = "there is one per call")]
enum Relay {
    Coturn(Coturn),
    Embedded(EmbeddedTurnServer),
}

impl Venue {
    /// Starts the servers. Credentials are valid for `ttl`.
    pub(crate) async fn start(
        environment: &Environment,
        directory: &Path,
        server: Server,
        ttl: Duration,
    ) -> Result<Self> {
        let secret = SharedSecret::from(SECRET.to_owned());
        let (relay, uris) = match server {
            Server::Coturn => {
                let coturn = Coturn::start(environment, directory, SECRET).await?;
                let uris = coturn.uris().to_vec();
                (Relay::Coturn(coturn), uris)
            }
            Server::Embedded => {
                let turn_server = EmbeddedTurnServer::start(secret.clone()).await?;
                let uris = turn_server.uris();
                (Relay::Embedded(turn_server), uris)
            }
        };
        let homeserver = EmbeddedHomeserver::start(TurnConfig { uris, secret, ttl }, None).await?;
        let account =
            Account::log_in(homeserver.url().as_str(), USER, homeserver.password()).await?;
        Ok(Self { account, files: environment.web.join("dist"), relay, _homeserver: homeserver })
    }

    /// A host program of the account's, for widgets.
    pub(crate) async fn host(&self) -> Result<Host> {
        let room = self.account.room(&room_id()).await?;
        Host::start(room, self.files.clone(), |_| true).await
    }

    pub(crate) async fn stop(self) -> Result<()> {
        match self.relay {
            Relay::Coturn(mut coturn) => coturn.stop().await?,
            Relay::Embedded(turn_server) => turn_server.stop().await,
        }
        Ok(())
    }
}
