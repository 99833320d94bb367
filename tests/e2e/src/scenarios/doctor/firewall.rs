//! A firewall in front of coturn, on a network of two hosts.

use std::{ffi::OsString, process::Stdio};

use anyhow::ensure;
use tokio::process::Command;

use super::{Case, TTL, tcp, udp};
use crate::{
    parts::{Network, TURN_IPV4},
    stage::{SECRET, Stage},
};

const PORT: u16 = 3478;

/// Lets in whatever comes from the machine itself, as firewalls do.
const RULES: &str =
    "table inet filter { chain input { type filter hook input priority 0; iif lo accept;";

pub(crate) async fn the_doctor_names_what_a_firewall_drops(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let network = Network::start(stage.environment(), &stage.directory).await?;
    let outcome = play(stage, &network).await;
    network.stop().await?;
    outcome
}

async fn play(stage: &mut Stage, network: &Network) -> anyhow::Result<()> {
    let open = case("network without a firewall", network);
    open.visit(stage, TTL).await?.ensure(0, &["Everything relays: 2 of 2 ways."])?;

    filter(network, "udp dport 49152-65535 drop;").await?;
    case("relay range filtered", network).visit(stage, TTL).await?.ensure(
        2,
        &[
            // TCP does not help: relays have UDP ports.
            "Nothing relays: 0 of 2 ways.",
            "what is sent to them from outside is lost: a firewall drops UDP to their ports",
            "Open the ports from `min-port` to `max-port` in turnserver.conf",
        ],
    )?;

    filter(network, "ip protocol { tcp, udp } reject with icmp type host-prohibited;").await?;
    case("everything rejected", network).visit(stage, TTL).await?.ensure(
        2,
        &[
            "A firewall rejects what is sent to 192.0.2.1:3478 over UDP and TCP",
            "Open 3478/udp and 3478/tcp in the firewall",
        ],
    )?;

    filter(network, "udp dport 3478 drop;").await?;
    case("UDP filtered", network).visit(stage, TTL).await?.ensure(
        1,
        &["Nothing comes back from port 3478 over UDP, while TCP works", "Open 3478/udp"],
    )
}

/// coturn on the one host, and the doctor on the other.
pub(super) fn case<'a>(name: &'a str, network: &Network) -> Case<'a> {
    let host = TURN_IPV4.to_string();
    Case {
        name,
        settings: vec![
            format!("listening-port={PORT}"),
            format!("listening-ip={host}"),
            format!("relay-ip={host}"),
            "no-tls".to_owned(),
            format!("static-auth-secret={SECRET}"),
        ],
        uris: vec![udp(&host, PORT), tcp(&host, PORT)],
        hosts: [network.on_turn_host(), network.on_peer_host()],
        flags: vec![],
    }
}

/// Gives the TURN server's host a firewall, instead of the one it had.
pub(super) async fn filter(network: &Network, rules: &str) -> anyhow::Result<()> {
    let script = format!("flush ruleset; {RULES} {rules} }}; }}");
    let mut words = network.on_turn_host();
    words.extend(["nft", &script].map(OsString::from));
    let status = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).status().await?;
    ensure!(status.success(), "nft (Debian's package nftables) refuses {script:?}");
    Ok(())
}
