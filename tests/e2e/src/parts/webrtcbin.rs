//! GStreamer's `webrtcbin`, with Debian's libnice, in a program of its own.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::{driver::Driver, network::Network};
use crate::environment::Environment;

const WEBRTCBIN: &str = include_str!("webrtcbin.py");

/// A program that makes elements as it is told.
pub(crate) struct Webrtcbin(Driver);

/// What came of a server that an element was given.
#[derive(Debug, Deserialize)]
pub(crate) struct Gathered {
    /// Whether the element took it.
    pub(crate) taken: bool,
    /// Whether the element had all its candidates in time.
    pub(crate) complete: bool,
    pub(crate) candidates: Vec<String>,
}

/// The first two bytes that an element sent, in hexadecimal, if there were any.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Overheard {
    pub(crate) tcp: Option<String>,
    pub(crate) udp: Option<String>,
}

impl Webrtcbin {
    /// Starts it on this host, to be asked for its version.
    pub(crate) fn start(environment: &Environment, log: &Path) -> anyhow::Result<Self> {
        Self::run(&mut Command::new(&environment.gstreamer_python), log)
    }

    /// Starts it on the peer's host: libnice leaves loopback out.
    pub(crate) fn start_in(
        network: &Network,
        environment: &Environment,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("env");
        command.args(network.on_peer_host()).arg(&environment.gstreamer_python);
        Self::run(&mut command, log)
    }

    fn run(python: &mut Command, log: &Path) -> anyhow::Result<Self> {
        Ok(Self(Driver::start("webrtcbin", python.args(["-c", WEBRTCBIN]), log)?))
    }

    /// GStreamer's and libnice's.
    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        self.0.send("version", json!({})).await
    }

    /// What an element gathers that was given a TURN server, by its property `turn-server` or by its
    /// action `add-turn-server`.
    pub(crate) async fn relays(&self, way: &str, server: &str) -> anyhow::Result<Gathered> {
        self.0.send("relays", json!({ "way": way, "server": server })).await
    }

    /// The server-reflexive candidates of an element with a STUN server.
    pub(crate) async fn reflexive(&self, server: &str) -> anyhow::Result<Gathered> {
        self.0.send("reflexive", json!({ "server": server })).await
    }

    /// Listens on the element's host, by TCP and UDP. Returns the port.
    pub(crate) async fn listen(&self, address: &str) -> anyhow::Result<u16> {
        self.0.send("listen", json!({ "address": address })).await
    }

    /// What an element sends to a TURN server in whose place this program listens.
    pub(crate) async fn overhear(&self, server: &str) -> anyhow::Result<Overheard> {
        self.0.send("overhear", json!({ "server": server })).await
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.0.stop().await
    }
}
