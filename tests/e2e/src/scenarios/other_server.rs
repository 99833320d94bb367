//! A TURN server that is not coturn, with the same shared secret.

use std::time::Duration;

use anyhow::bail;
use matrix_sdk_turn::TurnServer;
use serde_json::json;
use tokio::time::sleep;

use crate::relay::{AllocateError, TurnServers, allocate};
use crate::{
    parts::{Stack, TurnServerCrate},
    stage::{SECRET, Stage},
};

/// Credentials that are going to expire. Synapse counts in seconds.
pub(super) const SHORT: Duration = Duration::from_secs(10);

pub(crate) async fn aiortc_peers_exchange_data_that_only_turn_server_carries(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let turn_server = TurnServerCrate::start(SECRET)?;
    let played = play(stage, &turn_server).await;
    let stopped = turn_server.stop().await;
    played.and(stopped)
}

async fn play(stage: &mut Stage, turn_server: &TurnServerCrate) -> anyhow::Result<()> {
    let uris = [stage.coturn.uris()[0].clone(), turn_server.uri()];
    let servers = stage.alice.turn_servers().await?;
    let [coturn, turn_rs] = uris.clone().map(|uri| at(uri, &servers));
    for server in [&coturn, &turn_rs] {
        allocate(server).await?;
    }

    let wrong = TurnServer::new(vec![], servers.username(), "wrong");
    let answers = [uris[0].clone(), uris[1].clone()].map(|uri| at(uri, &wrong));
    for (server, name) in answers.iter().zip(["coturn", "turn-server"]) {
        let why = rejection(server).await?;
        stage.found(format!("{name} answers a wrong password: {why}"));
    }

    // A second is the resolution of the credentials.
    sleep(SHORT + Duration::from_secs(1)).await;
    let why = rejection(&coturn).await?;
    stage.found(format!("coturn answers credentials that have expired: {why}"));
    allocate(&turn_rs).await?;
    stage.found("turn-server lends a relay for credentials that have expired".to_owned());

    stage.hand_out(&[turn_server.uri()], super::DAY).await?;
    let (alice, bob) = futures::try_join!(stage.alice.turn_servers(), stage.bob.turn_servers())?;
    let [alice, bob] = [alice, bob].map(|servers| json!(servers.to_ice_servers()));
    let log = stage.directory.join("stack.log");
    let stack = Stack::start_aiortc(stage.environment(), &log)?;
    stack.exchange(&alice, &bob).await?;
    stack.stop().await
}

fn at(uri: String, servers: &TurnServer) -> TurnServers {
    TurnServers {
        uris: vec![uri],
        username: servers.username().to_owned(),
        password: servers.password().to_owned(),
    }
}

/// What a TURN server says that does not accept the credentials.
async fn rejection(servers: &TurnServers) -> anyhow::Result<String> {
    match allocate(servers).await {
        Err(AllocateError::Rejected { why, .. }) => Ok(why.to_string()),
        Err(error) => Err(error.into()),
        Ok(_relay) => bail!("{:?} accepts the credentials", servers.uris),
    }
}
