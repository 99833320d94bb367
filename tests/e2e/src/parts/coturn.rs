//! coturn: a TURN server with a shared secret.

use std::{
    ffi::{OsStr, OsString},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tokio::{net::UdpSocket, process::Command, time::timeout};

use super::{
    network::{Network, TURN_IPV4, TURN_IPV6, TURN_NAME},
    port,
    process::Process,
};
use crate::{environment::Environment, wait::until};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// coturn on one host.
pub(crate) struct Coturn {
    environment: Environment,
    directory: PathBuf,
    port: u16,
    site: Site,
    process: Option<Process>,
}

/// Where a coturn listens, and what it speaks there besides TURN over UDP.
struct Site {
    addresses: Vec<IpAddr>,
    /// Where its relays are.
    relays: IpAddr,
    /// What to put before a command to have it run there.
    enter: Vec<OsString>,
    protocols: &'static [&'static str],
}

/// Without TLS.
const PLAIN: &[&str] = &["no-tls", "no-dtls"];

/// With TLS, at a port of its own. (At either port coturn takes TCP without it as well.)
const WITH_TLS: &[&str] = &["no-dtls"];

/// Nothing but TLS.
const ONLY_TLS: &[&str] = &["no-dtls", "no-udp", "no-tcp"];

/// Where relays are: within loopback, and nobody else's.
pub(crate) const RELAYS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The port for TLS within a network of its own.
pub(crate) const TLS_PORT: u16 = 5349;

impl Coturn {
    /// Starts one on 127.0.0.1.
    pub(crate) async fn start(
        environment: &Environment,
        directory: &Path,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let site = Site::loopback(Ipv4Addr::LOCALHOST.into());
        Self::start_at(site, environment, directory.join("coturn"), secret).await
    }

    /// Starts one on the IPv6 loopback address.
    pub(crate) async fn start_ipv6(
        environment: &Environment,
        directory: &Path,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let site = Site::loopback(Ipv6Addr::LOCALHOST.into());
        Self::start_at(site, environment, directory.join("coturn-ipv6"), secret)
            .await
            .context("does this system have IPv6?")
    }

    /// Starts one in a network of its own, which also speaks TLS.
    pub(crate) async fn start_in(
        network: &Network,
        environment: &Environment,
        directory: &Path,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let site = Site::in_network(network, WITH_TLS);
        Self::start_at(site, environment, directory.join("coturn-in-network"), secret).await
    }

    /// Starts one in a network of its own, which speaks nothing but TLS.
    pub(crate) async fn start_only_tls_in(
        network: &Network,
        environment: &Environment,
        directory: &Path,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let site = Site::in_network(network, ONLY_TLS);
        Self::start_at(site, environment, directory.join("coturn-only-tls"), secret).await
    }

    async fn start_at(
        site: Site,
        environment: &Environment,
        directory: PathBuf,
        secret: &str,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(&directory)?;
        let environment = environment.clone();
        let mut coturn = Self { environment, directory, port: port::free()?, site, process: None };
        coturn.start_with(secret).await?;
        Ok(coturn)
    }

    /// The version that is installed.
    pub(crate) async fn version(environment: &Environment) -> anyhow::Result<String> {
        let output = Command::new(&environment.turnserver).arg("--version").output().await?;
        let output = String::from_utf8(output.stdout)?;
        Ok(output.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// What a homeserver hands out for it: its first address, by UDP and by TCP.
    pub(crate) fn uris(&self) -> [String; 2] {
        let address = SocketAddr::new(self.site.addresses[0], self.port);
        ["udp", "tcp"].map(|transport| format!("turn:{address}?transport={transport}"))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The same server, with another secret.
    pub(crate) async fn restart_with(&mut self, secret: &str) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_with(secret).await
    }

    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(process) = self.process.take() {
            process.stop().await?;
        }
        Ok(())
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> anyhow::Result<String> {
        fs::read_to_string(self.log_file()).context("coturn's log cannot be read")
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("coturn.log")
    }

    async fn start_with(&mut self, secret: &str) -> anyhow::Result<()> {
        let configuration = self.directory.join("turnserver.conf");
        fs::write(&configuration, self.settings(secret)?)?;
        let mut command: Vec<&OsStr> = self.site.enter.iter().map(AsRef::as_ref).collect();
        command.extend([
            self.environment.turnserver.as_os_str(),
            "-c".as_ref(),
            configuration.as_ref(),
        ]);
        let process = Process::start(&self.environment, "coturn", &command, &self.log_file())?;
        let process = self.process.insert(process);

        let site = &self.site;
        let address = SocketAddr::new(site.addresses[0], self.port);
        let log = self.directory.join("coturn.log");
        until("coturn answers", START_TIMEOUT, async || {
            process.check()?;
            let is_up = if site.enter.is_empty() {
                is_answering(address).await?
            } else {
                // This program is in another network.
                let log = fs::read_to_string(&log)?;
                let opened = |ip| log.contains(&format!("listener opened on : {ip}:{TLS_PORT}"));
                site.addresses.iter().all(opened)
            };
            Ok(is_up.then_some(()))
        })
        .await
    }

    fn settings(&self, secret: &str) -> anyhow::Result<String> {
        let in_directory = |file: &str| self.directory.join(file).display().to_string();
        let mut settings = vec![
            format!("listening-port={}", self.port),
            "realm=localhost".to_owned(),
            "use-auth-secret".to_owned(),
            format!("static-auth-secret={secret}"),
            // Both ends of every connection are on this machine.
            "allow-loopback-peers".to_owned(),
            "no-cli".to_owned(),
            "no-software-attribute".to_owned(),
            "verbose".to_owned(),
            "log-file=stdout".to_owned(),
            format!("pidfile={}", in_directory("turnserver.pid")),
            format!("userdb={}", in_directory("turndb")),
        ];
        for address in &self.site.addresses {
            settings.push(format!("listening-ip={address}"));
        }
        settings.extend(self.site.protocols.iter().map(ToString::to_string));
        settings.push(format!("relay-ip={}", self.site.relays));
        if self.site.protocols != PLAIN {
            let certificate = rcgen::generate_simple_self_signed([TURN_NAME.to_owned()])?;
            let [chain, key] = ["certificate.pem", "key.pem"].map(in_directory);
            fs::write(&chain, certificate.cert.pem())?;
            fs::write(&key, certificate.key_pair.serialize_pem())?;
            settings.push(format!("tls-listening-port={TLS_PORT}"));
            settings.extend([format!("cert={chain}"), format!("pkey={key}")]);
        }
        settings.push(String::new());
        Ok(settings.join("\n"))
    }
}

impl Site {
    /// Relays have an IPv4 address, unless a client asks for another, and it is not that of the peers:
    /// coturn lets an address through that a peer asked for, and with it whatever else comes from there.
    fn loopback(address: IpAddr) -> Self {
        Self {
            addresses: vec![address],
            relays: RELAYS.into(),
            enter: Vec::new(),
            protocols: PLAIN,
        }
    }

    fn in_network(network: &Network, protocols: &'static [&'static str]) -> Self {
        Self {
            addresses: vec![TURN_IPV4, TURN_IPV6],
            relays: TURN_IPV4,
            enter: network.on_turn_host(),
            protocols,
        }
    }
}

/// Whether somebody answers a STUN Binding request (RFC 8489).
async fn is_answering(server: SocketAddr) -> anyhow::Result<bool> {
    const BINDING_REQUEST: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42is coturn up";
    let any_port = SocketAddr::new(server.ip(), 0);
    let socket = UdpSocket::bind(any_port).await?;
    socket.connect(server).await?;
    let exchange = async {
        socket.send(BINDING_REQUEST).await?;
        socket.recv(&mut [0; 1500]).await
    };
    Ok(matches!(timeout(Duration::from_millis(200), exchange).await, Ok(Ok(_))))
}
