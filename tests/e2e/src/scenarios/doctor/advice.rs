//! The second half of a wrong set-up: the advice is followed, and everything relays.

use anyhow::Context;

use super::{
    Case, TTL,
    firewall::{case, filter},
    tcp, udp,
};
use crate::{
    parts::{Network, free_port},
    stage::{SECRET, Stage},
};

/// A line of turnserver.conf that is wrong, and what the advice makes of it.
struct Wrong {
    name: &'static str,
    /// The lines that are wrong.
    lines: &'static [&'static str],
    /// What the advice says, as it is printed.
    advice: &'static str,
    /// The lines that replace them.
    mended: &'static [&'static str],
}

const WITH_PEERS: &str = "allow-loopback-peers";

const ON_LOOPBACK: [Wrong; 9] = [
    Wrong {
        name: "loopback peers",
        lines: &[],
        advice: "Set `allow-loopback-peers` in turnserver.conf",
        mended: &[WITH_PEERS],
    },
    Wrong {
        name: "denied loopback peers",
        lines: &[WITH_PEERS, "denied-peer-ip=127.0.0.0-127.255.255.255"],
        advice: "take loopback addresses out of `denied-peer-ip`",
        mended: &[WITH_PEERS],
    },
    Wrong {
        name: "user quota",
        lines: &[WITH_PEERS, "user-quota=1"],
        advice: "Raise `user-quota` in turnserver.conf to 12 or more",
        mended: &[WITH_PEERS, "user-quota=12"],
    },
    Wrong {
        name: "total quota",
        lines: &[WITH_PEERS, "total-quota=1"],
        advice: "and `total-quota` to a multiple of that",
        mended: &[WITH_PEERS, "total-quota=120"],
    },
    Wrong {
        name: "STUN only",
        lines: &[WITH_PEERS, "stun-only"],
        advice: "Take `stun-only` out of turnserver.conf",
        mended: &[WITH_PEERS],
    },
    Wrong {
        name: "no TCP",
        lines: &[WITH_PEERS, "no-tcp"],
        advice: "see that `no-tcp` is not set in turnserver.conf",
        mended: &[WITH_PEERS],
    },
    Wrong {
        name: "no UDP",
        lines: &[WITH_PEERS, "no-udp"],
        advice: "see that `no-udp` is not set in turnserver.conf",
        mended: &[WITH_PEERS],
    },
    Wrong {
        name: "two relay ports",
        // Below the ports that other programs are given.
        lines: &[WITH_PEERS, "min-port=23456", "max-port=23457"],
        advice: "Widen the ports from `min-port` to `max-port` in turnserver.conf",
        mended: &[WITH_PEERS, "min-port=23456", "max-port=23555"],
    },
    Wrong {
        name: "little bandwidth",
        lines: &[WITH_PEERS, "max-bps=64", "bps-capacity=100"],
        advice: "Raise `max-bps` and `bps-capacity` in turnserver.conf",
        mended: &[WITH_PEERS, "max-bps=1000000", "bps-capacity=0"],
    },
];

pub(crate) async fn the_advice_on_a_turn_server_helps(stage: &mut Stage) -> anyhow::Result<()> {
    for wrong in &ON_LOOPBACK {
        let base = |port: u16| {
            vec![
                format!("listening-port={port}"),
                "listening-ip=127.0.0.1".to_owned(),
                "relay-ip=127.0.0.1".to_owned(),
                format!("static-auth-secret={SECRET}"),
                "no-tls".to_owned(),
            ]
        };
        on_loopback(stage, wrong.name, base, wrong.lines, wrong.advice).await?;
        follow(stage, wrong.name, base, wrong.mended).await?;
    }
    let with = |lines: [String; 2]| {
        move |port: u16| {
            let mut settings =
                vec![format!("listening-port={port}"), "listening-ip=127.0.0.1".to_owned()];
            settings.extend(lines.clone());
            settings.extend([WITH_PEERS, "no-tls"].map(str::to_owned));
            settings
        }
    };
    let secret = |value: &str| format!("static-auth-secret={value}");
    let relay = |address: &str| format!("relay-ip={address}");
    let right = with([relay("127.0.0.1"), secret(SECRET)]);

    let comment = with([relay("127.0.0.1"), secret(&format!("{SECRET} #of Synapse"))]);
    let advice = "a semicolon or a comment behind the secret become a part of it";
    on_loopback(stage, "comment behind the secret", comment, &[], advice).await?;
    follow(stage, "comment behind the secret", right.clone(), &[]).await?;

    let foreign = with([relay("198.51.100.9"), secret(SECRET)]);
    let advice =
        "Take `relay-ip` out of turnserver.conf, or set it to an address that `ip addr` shows";
    on_loopback(stage, "foreign relay address", foreign, &[], advice).await?;
    follow(stage, "foreign relay address", right.clone(), &[]).await?;

    let expired = set_up("expired credentials", right.clone(), &[])?.visit(stage, -7200).await?;
    expired.ensure(2, &["Fetch new ones"])?;
    follow(stage, "expired credentials", right.clone(), &[]).await?;

    let mut extra = set_up("URI of a closed port", right.clone(), &[])?;
    let closed = free_port()?;
    extra.uris.push(udp("127.0.0.1", closed));
    let advice = format!("Nothing listens at 127.0.0.1:{closed} over UDP");
    extra.visit(stage, TTL).await?.ensure(1, &[&advice])?;
    follow(stage, "URI of a closed port", right, &[]).await
}

/// Has the doctor look at a wrong set-up, and expects its advice.
async fn on_loopback(
    stage: &mut Stage,
    name: &str,
    base: impl Fn(u16) -> Vec<String>,
    lines: &[&str],
    advice: &str,
) -> anyhow::Result<()> {
    let visit = set_up(name, base, lines)?.visit(stage, TTL).await?;
    visit.ensure_problem(&[advice]).with_context(|| name.to_owned())
}

/// Has the doctor look at what became of it.
async fn follow(
    stage: &mut Stage,
    name: &str,
    base: impl Fn(u16) -> Vec<String>,
    lines: &[&str],
) -> anyhow::Result<()> {
    let name = format!("{name} mended");
    let visit = set_up(&name, base, lines)?.visit(stage, TTL).await?;
    visit.ensure(0, &["Everything relays: 2 of 2 ways."])
}

fn set_up<'a>(
    name: &'a str,
    base: impl Fn(u16) -> Vec<String>,
    lines: &[&str],
) -> anyhow::Result<Case<'a>> {
    let port = free_port()?;
    let mut settings = base(port);
    settings.extend(lines.iter().map(|line| (*line).to_owned()));
    let uris = vec![udp("127.0.0.1", port), tcp("127.0.0.1", port)];
    Ok(Case { name, settings, uris, hosts: [vec![], vec![]], flags: vec![] })
}

pub(crate) async fn the_advice_on_a_network_helps(stage: &mut Stage) -> anyhow::Result<()> {
    let network = Network::start(stage.environment(), &stage.directory).await?;
    let outcome = play(stage, &network).await;
    network.stop().await?;
    outcome
}

async fn play(stage: &mut Stage, network: &Network) -> anyhow::Result<()> {
    for (name, line, advice, mended) in [
        (
            "denied server",
            "denied-peer-ip=192.0.2.1",
            "add `allowed-peer-ip=192.0.2.1` beside them",
            vec!["denied-peer-ip=192.0.2.1", "allowed-peer-ip=192.0.2.1"],
        ),
        (
            "denied network",
            "denied-peer-ip=192.0.2.2-192.0.2.254",
            "Narrow the `denied-peer-ip` range in turnserver.conf that includes 192.0.2.2",
            vec![],
        ),
        (
            "outdated external address",
            "external-ip=198.51.100.77/192.0.2.1",
            "set `external-ip=192.0.2.1/PRIVATE`",
            vec!["external-ip=192.0.2.1/192.0.2.1"],
        ),
    ] {
        let mut wrong = case(name, network);
        wrong.settings.push(line.to_owned());
        let visit = wrong.visit(stage, TTL).await?;
        visit.ensure_problem(&[advice]).with_context(|| name.to_owned())?;

        let name = format!("{name} mended");
        let mut right = case(&name, network);
        right.settings.extend(mended.into_iter().map(str::to_owned));
        right.visit(stage, TTL).await?.ensure(0, &["Everything relays: 2 of 2 ways."])?;
    }
    for (name, rules, advice) in [
        ("closed ports", "udp dport 49152-65535 drop;", "Open the ports from `min-port`"),
        ("closed UDP", "udp dport 3478 drop;", "Open 3478/udp in the firewall"),
        ("closed TCP", "tcp dport 3478 drop;", "Open 3478/tcp in the firewall"),
        (
            "rejected TCP and UDP",
            "ip protocol { tcp, udp } reject with icmp type host-prohibited;",
            "Open 3478/udp and 3478/tcp in the firewall",
        ),
    ] {
        filter(network, rules).await?;
        let visit = case(name, network).visit(stage, TTL).await?;
        visit.ensure_problem(&[advice]).with_context(|| name.to_owned())?;

        filter(network, "").await?;
        let name = format!("{name} opened");
        let visit = case(&name, network).visit(stage, TTL).await?;
        visit.ensure(0, &["Everything relays: 2 of 2 ways."])?;
    }
    Ok(())
}
