//! What a homeserver and a TURN server have to agree on, with Synapse and coturn.

use std::ffi::OsString;

use anyhow::{Context, ensure};

use super::note;
use crate::{
    account::PASSWORD,
    parts::{AnyCoturn, Visit, free_port},
    stage::{SECRET, Stage},
};

pub(crate) async fn the_doctor_names_what_is_wrong_between_two_servers(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let right = visit(stage, "right", &[]).await?;
    right.ensure(0, &["Everything relays: 2 of 2 ways.", "There is no turns: URI"])?;

    with_an_access_token(stage).await?;
    ensure_no_device_is_left(stage).await?;

    clock_an_hour_off(stage).await?;

    stage.coturn.restart_with("a-secret-that-synapse-does-not-know").await?;
    let wrong = visit(stage, "wrong secret", &[]).await?;
    wrong.ensure(
        2,
        &[
            "Nothing relays: 0 of 2 ways.",
            "The TURN server rejects the credentials, although they are valid for another 29 \
             minutes, and the homeserver's clock agrees with this machine's: it has another secret",
            "Give `turn_shared_secret` in homeserver.yaml and the TURN server's shared secret (in \
             coturn `static-auth-secret`) the same value",
        ],
    )
}

pub(crate) async fn the_advice_on_two_servers_helps(stage: &mut Stage) -> anyhow::Result<()> {
    const RELAYS: &[&str] = &["Everything relays: 2 of 2 ways."];

    clock_an_hour_off(stage).await?;
    visit(stage, "clocks set", &[]).await?.ensure(0, RELAYS)?;

    stage.coturn.restart_with("a-secret-that-synapse-does-not-know").await?;
    let wrong = visit(stage, "other secret", &[]).await?;
    wrong.ensure(
        2,
        &["Give `turn_shared_secret` in homeserver.yaml and the TURN server's shared"],
    )?;
    stage.coturn.restart_with(SECRET).await?;
    visit(stage, "same secret", &[]).await?.ensure(0, RELAYS)
}

/// The doctor takes the place of a client of Alice's, which stays logged in.
async fn with_an_access_token(stage: &mut Stage) -> anyhow::Result<()> {
    let token = stage.alice.client.access_token().context("Alice is logged in")?;
    let flags = ["--homeserver", &stage.synapse.url()];
    let visit = Visit::pay(&[], &flags, &token).await?;
    note(stage, "with an access token", &visit)?;
    visit.ensure(0, &["Everything relays: 2 of 2 ways."])
}

/// The doctor logged in with Alice's password, and out again.
async fn ensure_no_device_is_left(stage: &Stage) -> anyhow::Result<()> {
    let devices = stage.alice.client.devices().await?.devices;
    ensure!(devices.len() == 1, "Alice has {} devices", devices.len());
    Ok(())
}

/// The TURN server's clock and the doctor's are an hour ahead of Synapse's.
async fn clock_an_hour_off(stage: &mut Stage) -> anyhow::Result<()> {
    // `Date` is in whole seconds, and takes a while to arrive.
    let an_hour_ahead = ["faketime", "-f", "+3630"].map(OsString::from);
    let port = free_port()?;
    let settings = [
        format!("listening-port={port}"),
        "listening-ip=127.0.0.1".to_owned(),
        "relay-ip=127.0.0.1".to_owned(),
        "allow-loopback-peers".to_owned(),
        format!("static-auth-secret={SECRET}"),
    ];
    let directory = stage.directory.join("ahead");
    let coturn =
        AnyCoturn::start(stage.environment(), &directory, &an_hour_ahead, &settings).await?;
    stage.hand_out(&[super::udp("127.0.0.1", port)], super::super::HALF_AN_HOUR).await?;
    let behind = visit(stage, "clock an hour off", &an_hour_ahead).await;
    coturn.stop().await?;
    behind?.ensure(
        2,
        &[
            "Nothing relays: 0 of 1 way.",
            "The homeserver's clock is 1 hour behind this machine's, so the TURN server rejects its \
             credentials as expired.",
            "Have the clocks of all machines set by NTP",
        ],
    )?;
    let uris = stage.coturn.uris().to_vec();
    stage.hand_out(&uris, super::super::HALF_AN_HOUR).await
}

pub(crate) async fn the_doctor_says_that_there_is_no_turn_server(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    visit(stage, "no TURN server", &[]).await?.ensure(
        2,
        &[
            "Nothing relays: there is no TURN server to try.",
            "The homeserver hands out no TURN server",
            "Set `turn_uris` and `turn_shared_secret` in homeserver.yaml",
            "Element X and Element Call use LiveKit instead",
        ],
    )
}

/// Synapse gets the list of TURN URIs and the secret that it did not have.
pub(crate) async fn the_advice_without_a_turn_server_helps(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let wrong = visit(stage, "no TURN URIs", &[]).await?;
    wrong.ensure(2, &["Set `turn_uris` and `turn_shared_secret` in homeserver.yaml"])?;
    let uris = stage.coturn.uris().to_vec();
    stage.hand_out(&uris, super::super::HALF_AN_HOUR).await?;
    let right = visit(stage, "with TURN URIs", &[]).await?;
    right.ensure(0, &["Everything relays: 2 of 2 ways."])
}

/// Has the doctor log in to Synapse as Alice.
async fn visit(stage: &mut Stage, name: &str, prefix: &[OsString]) -> anyhow::Result<Visit> {
    let homeserver = stage.synapse.url();
    let flags = ["--homeserver", &homeserver, "--user", "alice"];
    let visit = Visit::pay(prefix, &flags, PASSWORD).await?;
    note(stage, name, &visit)?;
    Ok(visit)
}
