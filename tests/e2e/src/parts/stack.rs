//! WebRTC stacks of other languages, each in a program of its own that makes peers.

use std::path::Path;

use anyhow::ensure;
use serde_json::{Value, json};
use tokio::process::Command;

use super::driver::Driver;
use crate::environment::Environment;

const AIORTC: &str = include_str!("aiortc.py");

/// A program that makes peers as it is told.
pub(crate) struct Stack(Driver);

impl Stack {
    /// libdatachannel, as the npm package node-datachannel ships it.
    pub(crate) fn start_node_datachannel(
        environment: &Environment,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut node = Command::new(&environment.node);
        node.arg(environment.web.join("datachannel.mjs"));
        Ok(Self(Driver::start("node-datachannel", &mut node, log)?))
    }

    pub(crate) fn start_aiortc(environment: &Environment, log: &Path) -> anyhow::Result<Self> {
        let mut python = Command::new(&environment.python);
        python.args(["-c", AIORTC]);
        Ok(Self(Driver::start("aiortc", &mut python, log)?))
    }

    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        self.0.send("version", json!({})).await
    }

    /// Has a peer gather candidates with these `iceServers`. Returns its offer, in which all
    /// candidates are relays.
    pub(crate) async fn offer(&self, peer: &str, ice_servers: &Value) -> anyhow::Result<Value> {
        let parameters = json!({ "peer": peer, "iceServers": ice_servers });
        let offer: Value = self.0.send("offer", parameters).await?;
        ensure_all_candidates_are_relays(peer, &offer)?;
        Ok(offer)
    }

    /// Connects alice and bob, each with `iceServers` of its own, and has each send a text to the
    /// other.
    pub(crate) async fn exchange(&self, alice: &Value, bob: &Value) -> anyhow::Result<()> {
        let offer = self.offer("alice", alice).await?;
        let parameters = json!({ "peer": "bob", "iceServers": bob, "offer": offer });
        let answer: Value = self.0.send("answer", parameters).await?;
        ensure_all_candidates_are_relays("bob", &answer)?;
        let () = self.0.send("accept", json!({ "peer": "alice", "answer": answer })).await?;

        for (from, to) in [("alice", "bob"), ("bob", "alice")] {
            let text = format!("hello from {from}");
            let () = self.0.send("send", json!({ "peer": from, "text": text })).await?;
            let received: String = self.0.send("received", json!({ "peer": to })).await?;
            ensure!(received == text, "{to} received {received:?}");
        }
        Ok(())
    }

    /// The candidates at both ends of a peer's connection, each as its type and its address. Only
    /// node-datachannel tells.
    pub(crate) async fn pair(&self, peer: &str) -> anyhow::Result<[String; 2]> {
        self.0.send("pair", json!({ "peer": peer })).await
    }

    /// Ends the connections of alice and bob.
    pub(crate) async fn hang_up(&self) -> anyhow::Result<()> {
        for peer in ["alice", "bob"] {
            let () = self.0.send("close", json!({ "peer": peer })).await?;
        }
        Ok(())
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.0.stop().await
    }
}

/// Fails if a description (`type` and `sdp`) has a candidate that is no relay, or none at all.
pub(crate) fn ensure_all_candidates_are_relays(
    peer: &str,
    description: &Value,
) -> anyhow::Result<()> {
    let sdp = description["sdp"].as_str().unwrap_or_default();
    let candidates: Vec<_> = sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    ensure!(!candidates.is_empty(), "{peer} has gathered no candidate: see coturn's log");
    let other = candidates.iter().find(|candidate| !candidate.contains(" typ relay"));
    ensure!(other.is_none(), "{peer} has gathered a candidate that is no relay: {other:?}");
    Ok(())
}
