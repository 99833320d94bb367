//! The embedded homeserver and the embedded TURN server, which share a secret.

use crate::{
    args::EmbeddedArgs,
    homeserver::{EmbeddedHomeserver, TurnConfig},
    report::{Report, Speaker},
    shared_secret::SharedSecret,
    turn_server::EmbeddedTurnServer,
};

pub(crate) struct Embedded {
    pub(crate) homeserver: EmbeddedHomeserver,
    turn_server: EmbeddedTurnServer,
}

impl Embedded {
    pub(crate) async fn start(args: &EmbeddedArgs, report: &Report) -> anyhow::Result<Self> {
        let secret = SharedSecret::random();
        let turn_server = EmbeddedTurnServer::start(secret.clone()).await?;
        let turn = TurnConfig { uris: turn_server.uris(), secret, ttl: args.ttl() };
        let homeserver = EmbeddedHomeserver::start(turn, args.fault).await?;

        report.line(Speaker::TurnServer, format_args!("listens on {}/udp", turn_server.address()));
        let ttl = args.ttl().as_secs();
        report.line(
            Speaker::Homeserver,
            format_args!("listens on {}, credentials are valid for {ttl} s", homeserver.url()),
        );
        Ok(Self { homeserver, turn_server })
    }

    pub(crate) async fn stop(self) {
        self.turn_server.stop().await;
    }
}
