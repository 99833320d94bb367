//! The rules of the widget machine, W2 to W20, and the clauses of MSC3846, against the SDK's real
//! driver. (W1, that everything else passes through, is in `passthrough`.)

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod lifetimes;
mod negotiation;
mod providers;
mod random;
mod updates;
mod watching;

use std::time::Duration;

const WATCH: &str = "watch_turn_servers";
const UNWATCH: &str = "unwatch_turn_servers";
const NOT_ALLOWED: &str = "Not allowed: missing the town.robin.msc3846.turn_servers capability.";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
