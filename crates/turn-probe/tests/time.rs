//! How long a probe takes, on a clock that does not wait.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::UdpSocket, time::Duration};

use futures_util::StreamExt;
use matrix_sdk_turn::TurnServer;
use turn_probe::{
    Cause, Circumstances, Diagnosis, Origin, Outcome, ProbeOptions, Skipped, Step, diagnose, probe,
};

/// Sockets that answer nothing, and a server with a URI for each.
fn silent(count: usize) -> (Vec<UdpSocket>, TurnServer) {
    let sockets: Vec<_> = (0..count).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let uris = sockets.iter().map(|socket| format!("turn:{}", socket.local_addr().unwrap()));
    let server = TurnServer::new(uris.collect::<Vec<_>>(), "alice", "password");
    (sockets, server)
}

async fn steps(server: &TurnServer, options: ProbeOptions) -> Vec<Step> {
    probe(server, options).collect().await
}

fn longest(steps: &[Step]) -> Duration {
    steps.iter().map(|step| step.began + step.took).max().unwrap()
}

fn diagnosis(server: &TurnServer, steps: &[Step]) -> Diagnosis {
    diagnose(server, &Circumstances::new(Origin::Given), steps)
}

#[tokio::test(start_paused = true)]
async fn eight_silent_addresses_of_three_uris_take_15_seconds_at_most_and_are_one_finding() {
    let (_sockets, server) = silent(24);
    let steps = steps(&server, ProbeOptions::new()).await;
    assert!(longest(&steps) <= Duration::from_secs(15), "{:?}", longest(&steps));
    let diagnosis = diagnosis(&server, &steps);
    assert_eq!(diagnosis.routes.len(), 24);
    let is_silent = |cause: &Cause| matches!(cause, Cause::Silent { .. });
    let silent: Vec<_> =
        diagnosis.findings.iter().filter(|finding| is_silent(&finding.cause)).collect();
    assert_eq!(silent.len(), 1);
    assert_eq!(silent[0].routes.len(), 24, "each was tried to its end");
}

#[tokio::test(start_paused = true)]
async fn the_total_limit_ends_it_and_what_was_left_out_is_said() {
    let (_sockets, server) = silent(3);
    let limit = Duration::from_secs(2);
    let steps = steps(&server, ProbeOptions::new().with_total_limit(limit)).await;
    assert!(longest(&steps) <= limit, "{:?}", longest(&steps));
    let left_out = |step: &&Step| step.outcome == Outcome::Skipped(Skipped::OutOfTime);
    assert!(steps.iter().filter(left_out).count() >= 3);
    let findings = diagnosis(&server, &steps).findings;
    assert!(findings.iter().any(|finding| finding.cause == Cause::OutOfTime), "{findings:?}");
}

#[tokio::test(start_paused = true)]
async fn uris_beyond_the_first_32_are_said_to_be_left_out() {
    let (_sockets, server) = silent(40);
    let steps = steps(&server, ProbeOptions::new()).await;
    let findings = diagnosis(&server, &steps).findings;
    assert!(findings.iter().any(|finding| finding.cause == Cause::TooMany(8)), "{findings:?}");
}

#[tokio::test(start_paused = true)]
async fn endless_limits_are_an_hour() {
    let (_sockets, server) = silent(1);
    for options in [
        ProbeOptions::new().step_timeout(Duration::MAX),
        ProbeOptions::new().with_total_limit(Duration::MAX),
        ProbeOptions::new().step_timeout(Duration::MAX).with_total_limit(Duration::MAX),
    ] {
        let steps = steps(&server, options).await;
        assert!(longest(&steps) <= Duration::from_secs(3600), "{:?}", longest(&steps));
    }
}
