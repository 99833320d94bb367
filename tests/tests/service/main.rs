//! The service around the schedule: one task, many subscribers, two clocks.
//!
//! tokio's clock is paused, so the monotonic one goes on only while everybody waits; the wall clock
//! goes with it until somebody moves it by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod failures;
mod fallback;
mod persistence;
mod status;
mod subscribers;
mod validity;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt, future::join_all, stream::FusedStream};
use matrix_sdk_turn::{
    Answer, Clock, RefreshPolicy, TurnServer, TurnServerSource, TurnService, TurnState, TurnStates,
    Unavailable, UnavailableReason,
};
use tests::{
    clock::HandMovedClock,
    log::Log,
    source::{Outcome, Script, available, available_for, scripted, unavailable},
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn service() -> (TurnService, Script, HandMovedClock) {
    let (source, script) = scripted();
    let clock = HandMovedClock::start();
    let service = TurnService::builder(source).clock(clock.clone()).seed(1).build();
    (service, script, clock)
}

/// Lets everybody who can do something do it. No time passes.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// The next state; it must come before the world ends.
async fn next(states: &mut TurnStates) -> TurnState {
    timeout(YEAR, states.next()).await.unwrap().unwrap()
}

fn username(state: &TurnState) -> &str {
    state.available().unwrap().username()
}

fn reason(state: &TurnState) -> UnavailableReason {
    state.unavailable().unwrap().reason()
}
