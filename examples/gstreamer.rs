//! A client whose calls run on GStreamer: what to tell `webrtcbin`, and when.
//!
//! ```sh
//! cargo run --package examples --example gstreamer
//! ```
//!
//! It links no GStreamer: `Webrtcbin` below prints what the real element would be told, without the
//! password. The calls that a client makes are in its comments; the crate `gstreamer` has them.
//!
//! GStreamer wants username and password inside of a URI, and both percent-encoded: Synapse's usernames
//! hold `:` and `@`, its passwords `/`, `+` and `=`. `gstreamer_turn_servers()` makes such URIs, for IPv6
//! addresses as well, and leaves out what `webrtcbin` would take for something else.

use std::time::Duration;

use anyhow::{Context, Result};
use examples::{describe, log_in, say};
use matrix_sdk_turn::{SecretUri, TurnService, TurnState};
use tokio::time::timeout;
use turn_embedded::{EmbeddedHomeserver, SharedSecret, TurnConfig};

/// Short, so that there is something to see within half a minute.
const TTL: Duration = Duration::from_secs(20);

/// More than the schedule allows for.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    // One of each kind. Nobody listens there: this example ends where `webrtcbin` begins.
    let uris = [
        "stun:turn.example.org",
        "turn:turn.example.org?transport=udp",
        "turns:[2001:db8::1]:443?transport=tcp",
        "turns:turn.example.org?transport=udp",
    ];
    let turn = TurnConfig {
        uris: uris.map(str::to_owned).to_vec(),
        secret: SharedSecret::random(),
        ttl: TTL,
    };
    let homeserver = EmbeddedHomeserver::start(turn, None).await?;
    let client = log_in(&homeserver).await?;
    let turn = TurnService::new(&client);
    let outcome = two_calls(&turn).await;
    turn.end_session();
    outcome
}

async fn two_calls(turn: &TurnService) -> Result<()> {
    let mut states = turn.subscribe();

    let state = timeout(PATIENCE, states.next()).await?.context("the session has just begun")?;
    say(format_args!("for the first call: {}", credentials(&state)?));
    let _first_call = Webrtcbin::new(&state);

    // While the call lasts, an update comes in. `webrtcbin` cannot take a TURN server back:
    // `add-turn-server` only adds, and what is gathered already stays as it is. So an update is not
    // pushed into an element that runs. It is for the next one: for the next call, or for one that takes
    // the place of this one before its credentials expire (see docs/guide.md).
    let state = timeout(PATIENCE, states.next()).await?.context("the session goes on")?;
    say(format_args!("an update, for the next element: {}", credentials(&state)?));
    let _next_call = Webrtcbin::new(&state);
    Ok(())
}

fn credentials(state: &TurnState) -> Result<String> {
    Ok(describe(state.available().context("the embedded homeserver has TURN servers")?))
}

/// Where `webrtcbin` would be.
struct Webrtcbin;

impl Webrtcbin {
    /// Everything is set before the pipeline plays: later on it would come after the candidates.
    fn new(state: &TurnState) -> Self {
        // let webrtcbin = gst::ElementFactory::make("webrtcbin").build()?;
        let webrtcbin = Self;
        // It takes one STUN server.
        if let Some(uri) = state.gstreamer_stun_servers().first() {
            webrtcbin.set_stun_server(uri);
        }
        // And any number of TURN servers, tried in the homeserver's order. TURN over DTLS is not among
        // them, since `webrtcbin` would speak TLS over TCP to it: four URIs, one STUN server, two TURN
        // servers.
        for uri in state.gstreamer_turn_servers() {
            webrtcbin.add_turn_server(&uri);
        }
        webrtcbin
    }

    fn set_stun_server(&self, uri: &str) {
        // webrtcbin.set_property("stun-server", uri);
        say(format_args!("    stun-server     {uri}"));
    }

    fn add_turn_server(&self, uri: &SecretUri) {
        // let is_taken = webrtcbin.emit_by_name::<bool>("add-turn-server", &[&uri.as_str()]);
        //
        // GStreamer writes the URI, with the password in it, into its debug log at DEBUG. `SecretUri` has
        // a `Debug` that does not show it, and is wiped when it is dropped.
        say(format_args!("    add-turn-server {}", masked(uri)));
    }
}

/// Without username and password.
fn masked(uri: &SecretUri) -> String {
    let uri = uri.as_str();
    match (uri.split_once("//"), uri.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, address))) => format!("{scheme}//…:…@{address}"),
        _ => "…".to_owned(),
    }
}
