//! 300 Try Alternate.

use matrix_sdk_turn::TurnServer;
use turn_probe::{
    Circumstances, Failure, Origin, Outcome, RouteStatus, Skipped, StepKind, Verdict, diagnose,
};

use crate::{
    failure_of, probe_at,
    server::{Respond, udp},
};

#[tokio::test]
async fn a_redirection_is_followed() {
    let other = udp(Respond::unauthorized("the same")).await;
    let first = udp(Respond::try_alternate(other.address)).await;
    let uri = format!("turn:{}", first.address);
    let steps = probe_at(&uri).await;
    let redirected = failure_of(&steps, StepKind::Allocate);
    assert_eq!(redirected, Some(Failure::Redirected(Some(other.address))));

    let server = TurnServer::new(vec![uri], "alice", "password");
    let diagnosis = diagnose(&server, &Circumstances::new(Origin::Given), &steps);
    let routes: Vec<_> =
        diagnosis.routes.iter().map(|route| (route.address, route.status)).collect();
    let expected = [
        (Some(first.address), RouteStatus::Redirected),
        (Some(other.address), RouteStatus::Broken),
    ];
    assert_eq!(routes, expected);
    assert_eq!(diagnosis.verdict, Verdict::NoneRelays);
}

#[tokio::test]
async fn servers_that_send_us_to_and_fro_are_left() {
    // The second leads to a port where nobody listens, and would be the second redirection.
    let second = udp(Respond::try_alternate("127.0.0.1:9".parse().unwrap())).await;
    let first = udp(Respond::try_alternate(second.address)).await;
    let steps = probe_at(&format!("turn:{}", first.address)).await;
    let allocations = steps.iter().filter(|step| step.kind == StepKind::Allocate).count();
    assert_eq!(allocations, 2);
    assert!(steps.iter().all(|step| step.address.is_none_or(|address| address.port() != 9)));
}

#[tokio::test]
async fn a_relay_where_no_server_may_send_us_is_not_contacted() {
    for relay in ["127.0.0.1:0", "224.0.0.1:9", "0.0.0.0:9"] {
        let server = udp(Respond::relay_at(relay.parse().unwrap())).await;
        let steps = probe_at(&format!("turn:{}", server.address)).await;
        let direct = steps.iter().find(|step| step.kind == StepKind::Direct).unwrap();
        assert_eq!(direct.outcome, Outcome::Skipped(Skipped::TooClose), "{relay}");
    }
}
