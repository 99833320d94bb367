//! A network of two hosts beside the system's own: a TURN server's and its peer's. For programs that
//! leave loopback out.

use std::{
    ffi::{OsStr, OsString},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use anyhow::Context;

use super::process::Process;
use crate::{environment::Environment, wait::until};

const SCRIPT: &str = include_str!("network.sh");

/// A few calls of `ip`.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The TURN server's name, by which only its peer finds it.
pub(crate) const TURN_NAME: &str = "turn.example.org";

// Addresses for documentation (RFC 5737, RFC 3849): nobody else has them.
pub(crate) const TURN_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
pub(crate) const TURN_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
pub(crate) const PEER_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const PEER_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));

/// What to do where this is not granted.
const NOT_GRANTED: &str = "the system grants no network namespace, or there is no `ip` (Debian's \
    package iproute2), `unshare` or `nsenter` (util-linux). As root, that takes CAP_SYS_ADMIN and \
    CAP_NET_ADMIN, which containers often lack; else, the right to make user namespaces (the sysctls \
    kernel.unprivileged_userns_clone, user.max_user_namespaces and \
    kernel.apparmor_restrict_unprivileged_userns)";

/// Both hosts. They are gone when this is dropped.
pub(crate) struct Network {
    process: Process,
    turn: u32,
    peer: u32,
}

impl Network {
    pub(crate) async fn start(environment: &Environment, directory: &Path) -> anyhow::Result<Self> {
        let directory = directory.join("network");
        fs::create_dir_all(&directory)?;
        let log = directory.join("network.log");
        let addresses = [(TURN_IPV4, 24), (TURN_IPV6, 64), (PEER_IPV4, 24), (PEER_IPV6, 64)]
            .map(|(address, prefix)| OsString::from(format!("{address}/{prefix}")));
        let mut command: Vec<&OsStr> = ["unshare", "--net", "--mount"].map(OsStr::new).to_vec();
        if !is_root() {
            command.push("--map-root-user".as_ref());
        }
        command.extend(["sh", "-c", SCRIPT, "network.sh"].map(OsStr::new));
        command.extend([directory.as_os_str(), TURN_NAME.as_ref()]);
        command.extend(addresses.iter().map(AsRef::<OsStr>::as_ref));
        let mut process = Process::start(environment, "the network", &command, &log)?;

        let pids = until("the network is there", START_TIMEOUT, async || {
            process.check()?;
            Ok(fs::read_to_string(directory.join("pids")).ok())
        });
        let pids = pids.await.with_context(|| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            format!("{NOT_GRANTED}. It said: {}", said.trim())
        })?;
        let (turn, peer) = pids.trim().split_once(' ').context("the network has two hosts")?;
        let (turn, peer) = (turn.parse()?, peer.parse()?);
        Ok(Self { process, turn, peer })
    }

    /// What to put before a command to have it run on the TURN server's host.
    pub(crate) fn on_turn_host(&self) -> Vec<OsString> {
        on_host_of(self.turn)
    }

    /// What to put before a command to have it run on the peer's host.
    pub(crate) fn on_peer_host(&self) -> Vec<OsString> {
        on_host_of(self.peer)
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await?;
        Ok(())
    }
}

fn on_host_of(process: u32) -> Vec<OsString> {
    let mut command: Vec<OsString> =
        ["nsenter", "--net", "--mount", "--target"].map(OsString::from).to_vec();
    command.push(process.to_string().into());
    if !is_root() {
        command.extend(["--user", "--preserve-credentials"].map(OsString::from));
    }
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
