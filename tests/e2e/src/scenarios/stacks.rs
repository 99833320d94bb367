//! WebRTC stacks of other languages, each with the TURN servers of two accounts' streams, in the form
//! that the library has for it.

use std::{path::PathBuf, time::Duration};

use anyhow::{bail, ensure};
use matrix_sdk_turn::{SecretUri, TurnServer};
use serde_json::{Value, json};

use crate::{
    parts::{RELAYS, Stack},
    scenarios::call::relayed,
    stage::Stage,
    wait::until,
};

/// coturn logs what an allocation was used for when it ends.
const HANG_UP_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) async fn node_datachannel_peers_exchange_data_that_only_coturn_carries(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let [alice, bob] = turn_servers_of_both(stage).await?;
    let stack = Stack::start_node_datachannel(stage.environment(), &log_file(stage))?;
    stack.exchange(&for_libdatachannel(&alice), &for_libdatachannel(&bob)).await?;
    for peer in ["alice", "bob"] {
        let pair = stack.pair(peer).await?;
        let relay = format!("relay {RELAYS}:");
        ensure!(pair.iter().all(|end| end.starts_with(&relay)), "{peer} uses {pair:?}");
    }

    ensure_raw_credentials_throw(stage, &stack, &alice).await?;

    let mut ipv6 = stage.start_coturn_over_ipv6().await?;
    let server = TurnServer::new(ipv6.uris().to_vec(), alice.username(), alice.password());
    let gathered = stack.offer("over IPv6", &for_libdatachannel(&server)).await;
    ipv6.stop().await?;
    gathered?;
    stack.stop().await
}

pub(crate) async fn aiortc_peers_exchange_data_that_only_coturn_carries(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let [alice, bob] = turn_servers_of_both(stage).await?;
    let stack = Stack::start_aiortc(stage.environment(), &log_file(stage))?;
    let [for_alice, for_bob] = [&alice, &bob].map(|servers| json!(servers.to_ice_servers()));
    stack.exchange(&for_alice, &for_bob).await?;
    stack.hang_up().await?;
    ensure_coturn_carried(stage).await?;

    let uris = vec!["turn:[::1]?transport=udp".to_owned()];
    let over_ipv6 = TurnServer::new(uris, alice.username(), alice.password());
    match stack.offer("over IPv6", &json!(over_ipv6.to_ice_servers())).await {
        Err(error) if error.to_string().starts_with("ValueError") => {
            stage.found(format!("aiortc says of a URI with an IPv6 address: {error}"));
        }
        Err(error) => return Err(error),
        Ok(_) => bail!("aiortc takes a URI with an IPv6 address, and did not before"),
    }
    stack.stop().await
}

async fn turn_servers_of_both(stage: &Stage) -> anyhow::Result<[TurnServer; 2]> {
    let (alice, bob) = futures::try_join!(stage.alice.turn_servers(), stage.bob.turn_servers())?;
    Ok([alice, bob])
}

fn log_file(stage: &Stage) -> PathBuf {
    stage.directory.join("stack.log")
}

fn for_libdatachannel(servers: &TurnServer) -> Value {
    let uris = servers.libdatachannel_ice_servers();
    json!(uris.iter().map(SecretUri::as_str).collect::<Vec<_>>())
}

/// What a client that converts by hand may write.
async fn ensure_raw_credentials_throw(
    stage: &mut Stage,
    stack: &Stack,
    servers: &TurnServer,
) -> anyhow::Result<()> {
    let [uri, _] = stage.coturn.uris();
    let (scheme, address) = uri.split_once(':').unwrap_or_default();
    let raw = format!("{scheme}:{}:{}@{address}", servers.username(), servers.password());
    let Err(error) = stack.offer("raw", &json!([raw])).await else {
        bail!("libdatachannel takes a URI with raw credentials, and did not before");
    };
    // What follows is a part of the URI, which may hold the password.
    let error = error.to_string();
    let why = error.split(" in URL").next().unwrap_or_default();
    ensure!(why != error, "libdatachannel does not say that the URI is wrong: {why}");
    stage.found(format!("libdatachannel says of a URI with raw credentials: {why}"));
    Ok(())
}

async fn ensure_coturn_carried(stage: &Stage) -> anyhow::Result<()> {
    for user in ["alice", "bob"] {
        until(&format!("coturn logs {user}'s traffic"), HANG_UP_TIMEOUT, async || {
            Ok(relayed(&stage.coturn.log()?, user).then_some(()))
        })
        .await?;
    }
    Ok(())
}
