//! "Test my TURN server", as a client's settings might have it: each step as it ends.
//!
//! `cargo run -p turn-probe --example test_my_turn_server -- turn:turn.example.org USERNAME`, with the
//! password in `TURN_PASSWORD`.

use std::env;

use futures_util::{StreamExt, pin_mut};
use matrix_sdk_turn::TurnServer;
use turn_probe::{Outcome, ProbeOptions, probe};

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "it is what an example is for")]
async fn main() {
    let mut args = env::args().skip(1);
    let uri = args.next().unwrap_or_else(|| "stun:127.0.0.1:3478".to_owned());
    let username = args.next().unwrap_or_default();
    let password = env::var("TURN_PASSWORD").unwrap_or_default();
    // A client has this from `TurnService::get()`.
    let server = TurnServer::new(vec![uri], username, password);

    let steps = probe(&server, ProbeOptions::new().identify_private_addresses(true));
    pin_mut!(steps);
    while let Some(step) = steps.next().await {
        let address = step.address.map(|address| address.to_string()).unwrap_or_default();
        let outcome = match &step.outcome {
            Outcome::Done(found) => format!("{found}, {:.1} ms", step.took.as_secs_f64() * 1000.0),
            Outcome::Failed(failure) => format!("FAILED: {failure}"),
            Outcome::Skipped(why) => why.to_string(),
        };
        println!("{} {address} {}: {outcome}", step.uri, step.kind);
    }
}
