//! coturn: a TURN server with a shared secret.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tokio::{net::UdpSocket, process::Command, time::timeout};

use super::{port, process::Process};
use crate::{environment::Environment, wait::until};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// coturn on loopback.
pub(crate) struct Coturn {
    environment: Environment,
    directory: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Coturn {
    pub(crate) async fn start(
        environment: &Environment,
        directory: &Path,
        secret: &str,
    ) -> anyhow::Result<Self> {
        let mut coturn = Self {
            environment: environment.clone(),
            directory: directory.join("coturn"),
            port: port::free()?,
            process: None,
        };
        fs::create_dir_all(&coturn.directory)?;
        coturn.start_with(secret).await?;
        Ok(coturn)
    }

    /// The version that is installed.
    pub(crate) async fn version(environment: &Environment) -> anyhow::Result<String> {
        let output = Command::new(&environment.turnserver).arg("--version").output().await?;
        let output = String::from_utf8(output.stdout)?;
        Ok(output.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// What a homeserver hands out for it.
    pub(crate) fn uris(&self) -> [String; 2] {
        let uri = |transport| format!("turn:127.0.0.1:{}?transport={transport}", self.port);
        [uri("udp"), uri("tcp")]
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
        let in_directory = |file: &str| self.directory.join(file).display().to_string();
        let configuration = in_directory("turnserver.conf");
        fs::write(
            &configuration,
            [
                "listening-ip=127.0.0.1".to_owned(),
                "relay-ip=127.0.0.1".to_owned(),
                format!("listening-port={}", self.port),
                "realm=localhost".to_owned(),
                "use-auth-secret".to_owned(),
                format!("static-auth-secret={secret}"),
                // Both ends of every connection are on this machine.
                "allow-loopback-peers".to_owned(),
                "no-cli".to_owned(),
                "no-tls".to_owned(),
                "no-dtls".to_owned(),
                "no-software-attribute".to_owned(),
                "verbose".to_owned(),
                "log-file=stdout".to_owned(),
                format!("pidfile={}", in_directory("turnserver.pid")),
                format!("userdb={}", in_directory("turndb")),
                String::new(),
            ]
            .join("\n"),
        )?;
        let process = self.process.insert(Process::start(
            &self.environment,
            "coturn",
            &[self.environment.turnserver.as_ref(), "-c".as_ref(), configuration.as_ref()],
            &self.directory.join("coturn.log"),
        )?);

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        until("coturn answers", START_TIMEOUT, async || {
            process.check()?;
            Ok(is_answering(address).await?.then_some(()))
        })
        .await
    }
}

/// Whether somebody answers a STUN Binding request (RFC 8489).
async fn is_answering(server: SocketAddr) -> anyhow::Result<bool> {
    const BINDING_REQUEST: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42is coturn up";
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server).await?;
    let exchange = async {
        socket.send(BINDING_REQUEST).await?;
        socket.recv(&mut [0; 1500]).await
    };
    Ok(matches!(timeout(Duration::from_millis(200), exchange).await, Ok(Ok(_))))
}
