//! coturn with one wrong setting at a time.

use super::{Case, TTL, tcp, udp};
use crate::{parts::free_port, stage::Stage};

const PEERS: &str = "allow-loopback-peers";

pub(crate) async fn the_doctor_names_what_is_wrong_with_a_turn_server(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    expired(stage).await?;
    port_closed(stage).await?;
    denied_peers(stage).await?;
    quota(stage).await?;
    ipv6(stage).await
}

async fn expired(stage: &mut Stage) -> anyhow::Result<()> {
    let port = free_port()?;
    let case = Case::new("expired", port, &[PEERS, "no-tls"], vec![udp("127.0.0.1", port)]);
    case.visit(stage, -7200).await?.ensure(
        2,
        &["The TURN server rejects the credentials, which expired 2 hours ago", "Fetch new ones"],
    )
}

async fn port_closed(stage: &mut Stage) -> anyhow::Result<()> {
    let [port, closed] = [free_port()?, free_port()?];
    let uris = vec![udp("127.0.0.1", port), udp("127.0.0.1", closed), tcp("127.0.0.1", closed)];
    let case = Case::new("port closed", port, &[PEERS, "no-tls"], uris);
    case.visit(stage, TTL).await?.ensure(
        1,
        &[
            "Something relays, and something does not: 1 of 3 ways relay.",
            &format!("Nothing listens at 127.0.0.1:{closed} over UDP and TCP"),
            &format!("The TURN server runs, since it answers at 127.0.0.1:{port} over UDP"),
        ],
    )
}

async fn denied_peers(stage: &mut Stage) -> anyhow::Result<()> {
    let port = free_port()?;
    let settings = [PEERS, "no-tls", "denied-peer-ip=127.0.0.0-127.255.255.255"];
    let case = Case::new("denied peers", port, &settings, vec![udp("127.0.0.1", port)]);
    case.visit(stage, TTL).await?.ensure(
        2,
        &[
            "does not let one send to another at its own address 127.0.0.1 (403)",
            "take loopback addresses out of `denied-peer-ip`",
        ],
    )
}

async fn quota(stage: &mut Stage) -> anyhow::Result<()> {
    let port = free_port()?;
    let settings = [PEERS, "no-tls", "user-quota=1"];
    let case = Case::new("quota reached", port, &settings, vec![udp("127.0.0.1", port)]);
    case.visit(stage, TTL)
        .await?
        .ensure(2, &["allows fewer relays at a time than a call takes (486)", "Raise `user-quota`"])
}

/// The server listens on IPv6 as well, and lends relays of IPv4.
async fn ipv6(stage: &mut Stage) -> anyhow::Result<()> {
    let port = free_port()?;
    let uris = vec![udp("127.0.0.1", port), udp("[::1]", port), tcp("[::1]", port)];
    let settings = [PEERS, "no-tls", "listening-ip=::1", "relay-ip=::1"];
    let case = Case::new("IPv6", port, &settings, uris);
    case.visit(stage, TTL).await?.ensure(0, &["Everything relays: 3 of 3 ways.", "[::1]"])
}
