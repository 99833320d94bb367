//! From steps to findings, and every sentence that may come of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use matrix_sdk_turn::{IceUri, TurnServer, Unavailable, UnavailableReason};
use proptest::prelude::*;
use turn_probe::{
    Cause, CertificateFault, Circumstances, Diagnosis, Failure, Found, Homeserver, Leg, NameFault,
    Origin, Outcome, QuotaUser, Relayed, RouteStatus, Severity, Skipped, Step, StepKind, Stranger,
    Text, Unreachable, Verdict, diagnose, diagnose_unavailable,
};

const HOUR: Duration = Duration::from_secs(3600);
const UDP: &str = "turn:turn.example.org?transport=udp";
const TCP: &str = "turn:turn.example.org?transport=tcp";
const TLS: &str = "turns:turn.example.org:443?transport=tcp";
const V4: &str = "192.0.2.1:3478";
const V6: &str = "[2001:db8::1]:3478";
const RELAY: &str = "192.0.2.1:50000";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn step(uri: &str, at: &str, kind: StepKind, outcome: impl Into<Outcome>) -> Step {
    Step::new(uri.parse::<IceUri>().unwrap(), Some(address(at)), kind, outcome)
}

fn refusal(code: u16) -> Failure {
    Failure::Refusal { code, reason: Text::new("No") }
}

fn relayed(at: &str) -> Found {
    Found::Relayed(lease(at))
}

fn lease(at: &str) -> Relayed {
    Relayed::new(address(at), Duration::from_secs(600))
}

/// All that a route does that works.
fn works(uri: &str, at: &str) -> Vec<Step> {
    vec![
        step(uri, at, StepKind::Binding, Found::Mapped(address("198.51.100.7:40000"))),
        step(uri, at, StepKind::Allocate, relayed(RELAY)),
        step(uri, at, StepKind::Relay, Found::Works),
        step(uri, at, StepKind::Refresh, Found::Works),
    ]
}

/// Credentials that expire so many seconds after `now`, as a homeserver hands them out.
fn server(uris: &[&str], expires_in: i64) -> TurnServer {
    let uris = uris.iter().map(|uri| (*uri).to_owned()).collect();
    TurnServer::new(uris, format!("{}:@alice:a", 1_700_000_000 + expires_in), "p")
}

fn fresh() -> Circumstances {
    Circumstances::new(Origin::Homeserver).with_ttl(HOUR).with_clocks(now(), Some(now()))
}

fn diagnosis(uris: &[&str], steps: Vec<Step>) -> Diagnosis {
    diagnose(&server(uris, 3600), &fresh(), &steps)
}

/// The names of what is worse than a note.
fn codes(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let worse = diagnosis.findings.iter().filter(|found| found.severity != Severity::Note);
    worse.map(|finding| finding.explanation.code).collect()
}

/// What one failing step is put down to, beside a route that works.
fn code_of(uri: &str, at: &str, kind: StepKind, failure: Failure) -> &'static str {
    let mut steps = works(TLS, "192.0.2.99:443");
    if kind > StepKind::Allocate {
        steps.push(step(uri, at, StepKind::Allocate, relayed(RELAY)));
    }
    steps.push(step(uri, at, kind, failure));
    diagnosis(&[TLS, uri], steps).findings[0].explanation.code
}

#[test]
fn everything_works() {
    let steps = [works(UDP, V4), works(TLS, V4)].concat();
    let diagnosis = diagnosis(&[UDP, TLS], steps);
    assert_eq!(diagnosis.verdict, Verdict::AllRelay);
    assert_eq!(diagnosis.findings, []);
    assert_eq!(diagnosis.routes.len(), 2);
}

#[test]
fn each_failure_has_its_cause() {
    use StepKind::{Allocate, Binding, ChannelBind, Connect, CreatePermission, Direct, Relay, Tls};
    let fault = Failure::Certificate(CertificateFault::SelfSigned);
    let expected = [
        (UDP, Allocate, Failure::Refused, "port_closed"),
        (TCP, Connect, Failure::Refused, "port_closed"),
        (UDP, Allocate, Failure::Timeout(HOUR), "silent"),
        (TCP, Connect, Failure::Timeout(HOUR), "silent"),
        (UDP, Connect, Failure::NoRoute, "no_route"),
        (UDP, Allocate, Failure::Unreachable(Unreachable::Prohibited), "rejected"),
        (TCP, Connect, Failure::Unreachable(Unreachable::Prohibited), "rejected"),
        (UDP, Allocate, Failure::Unreachable(Unreachable::Network), "unroutable"),
        (UDP, Allocate, Failure::OwnRouter, "hairpin"),
        (TLS, Tls, fault, "certificate_self_signed"),
        (TLS, Tls, Failure::ClientCertificate, "client_certificate"),
        (TLS, Allocate, Failure::ClientCertificate, "client_certificate"),
        (TLS, Tls, Failure::Tls(Text::new("x")), "tls_fails"),
        (UDP, Binding, Failure::NotStun(Stranger::Http), "not_turn"),
        ("stun:turn.example.org", Binding, Failure::AnsweredFrom(address(V4)), "answered_from"),
        (TCP, Allocate, Failure::NotStun(Stranger::Mute), "not_turn"),
        (UDP, Allocate, Failure::Flooded, "misbehaves"),
        (UDP, Allocate, Failure::FellSilent(HOUR), "fell_silent"),
        (UDP, Allocate, Failure::BadSignature, "wrong_signature"),
        (UDP, Allocate, Failure::WrongTransaction, "wrong_transaction"),
        (UDP, Allocate, Failure::WrongFingerprint, "wrong_fingerprint"),
        (UDP, Allocate, Failure::UnsupportedAlgorithm, "unsupported_algorithm"),
        (UDP, Allocate, Failure::NoChallenge("a realm"), "no_challenge"),
        (UDP, Allocate, refusal(401), "secrets_differ"),
        (UDP, Allocate, refusal(441), "secrets_differ"),
        (UDP, Allocate, refusal(403), "refused"),
        (UDP, Allocate, refusal(405), "only_stun"),
        (UDP, Allocate, refusal(440), "wrong_family"),
        (UDP, Allocate, refusal(486), "quota"),
        (UDP, Allocate, refusal(508), "no_relay_address"),
        (UDP, Allocate, refusal(500), "refused"),
        (UDP, Allocate, Failure::Redirected(None), "redirected"),
        (UDP, StepKind::SecondAllocate, refusal(486), "quota"),
        (UDP, StepKind::SecondAllocate, refusal(508), "no_ports"),
        (UDP, StepKind::SecondAllocate, refusal(400), "rejected_later"),
        (UDP, StepKind::SecondAllocate, refusal(401), "rejected_later"),
        (UDP, CreatePermission, refusal(400), "refused"),
        (UDP, CreatePermission, refusal(401), "rejected_later"),
        (UDP, StepKind::Refresh, refusal(441), "rejected_later"),
        (UDP, CreatePermission, refusal(403), "peer_denied"),
        (UDP, CreatePermission, refusal(443), "wrong_family"),
        (UDP, ChannelBind, refusal(403), "peer_denied"),
        (UDP, Relay, Failure::Lost(Leg::There), "relayed_data_lost"),
        (UDP, Relay, Failure::Timeout(HOUR), "relayed_data_lost"),
        (UDP, Direct, Failure::Lost(Leg::There), "relay_ports_filtered"),
        (UDP, Direct, Failure::Timeout(HOUR), "relay_ports_filtered"),
        (UDP, Direct, refusal(403), "own_address_denied"),
    ];
    for (uri, kind, failure, code) in expected {
        let found = code_of(uri, "192.0.2.1:3478", kind, failure.clone());
        assert_eq!(found, code, "{kind} {failure}");
    }
}

#[test]
fn a_name_that_does_not_resolve_is_a_route_of_its_own() {
    let failure = Failure::NoAddress(NameFault::Unknown);
    let uri: IceUri = UDP.parse().unwrap();
    let steps = vec![Step::new(uri, None, StepKind::Resolve, failure)];
    let diagnosis = diagnosis(&[UDP], steps);
    assert_eq!(diagnosis.verdict, Verdict::NoneRelays);
    assert_eq!(diagnosis.routes[0].address, None);
    assert_eq!(codes(&diagnosis), ["unknown_name", "only_udp"]);
}

#[test]
fn udp_that_is_dropped_is_known_by_tcp_that_works() {
    let mut steps = works(TCP, V4);
    steps.push(step(UDP, V4, StepKind::Allocate, Failure::Timeout(HOUR)));
    let diagnosis = diagnosis(&[UDP, TCP], steps);
    assert_eq!(codes(&diagnosis), ["udp_filtered"]);
    assert_eq!(diagnosis.verdict, Verdict::SomeRelay);
}

#[test]
fn ipv6_that_is_dead_is_known_by_ipv4_that_works() {
    for failure in [Failure::Refused, Failure::Timeout(HOUR)] {
        let mut steps = works(TCP, V4);
        steps.push(step(TCP, V6, StepKind::Connect, failure));
        assert_eq!(codes(&diagnosis(&[TCP], steps)), ["ipv6_dead"]);
    }
}

#[test]
fn a_machine_without_ipv6_is_no_fault_of_the_server() {
    let mut steps = works(TCP, V4);
    steps.push(step(TCP, V6, StepKind::Connect, Failure::NoRoute));
    let diagnosis = diagnosis(&[TCP], steps);
    assert_eq!(diagnosis.verdict, Verdict::AllRelay);
    assert_eq!(diagnosis.routes[1].status, RouteStatus::Untested);
    assert_eq!(codes(&diagnosis), [""; 0]);
}

#[test]
fn a_private_relay_of_a_public_server_is_a_problem_though_it_relays() {
    let mut steps = works(UDP, V4);
    steps[1] = step(UDP, V4, StepKind::Allocate, relayed("10.0.0.5:50000"));
    let diagnosis = diagnosis(&[UDP, TCP], steps);
    assert_eq!(codes(&diagnosis), ["private_relay"]);
    assert_eq!(diagnosis.verdict, Verdict::NoneRelays);
}

#[test]
fn a_private_relay_of_a_private_server_is_none() {
    let mut steps = works(UDP, "10.0.0.5:3478");
    steps[1] = step(UDP, "10.0.0.5:3478", StepKind::Allocate, relayed("10.0.0.5:50000"));
    // That the name leads to a private address is another matter.
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps)), ["private_uri"]);
}

#[test]
fn rejected_credentials_are_judged_by_three_clocks() {
    let rejected = || vec![step(TCP, V4, StepKind::Allocate, refusal(401))];
    let hour_behind = now() - HOUR;
    let clocks =
        |clock| Circumstances::new(Origin::Homeserver).with_ttl(HOUR).with_clocks(now(), clock);
    let saved = Circumstances::new(Origin::Saved).with_clocks(now(), None);
    let expected = [
        // Credentials for an hour by a clock that is an hour behind.
        (0, clocks(Some(hour_behind)), "clocks_differ"),
        (-60, clocks(None), "clocks_differ"),
        // By one that is half an hour behind they are still valid.
        (1800, clocks(Some(now() - HOUR / 2)), "secrets_differ"),
        (3600, clocks(Some(now())), "secrets_differ"),
        (3600, saved.clone(), "secrets_differ"),
        (-60, saved, "expired"),
    ];
    for (expires_in, circumstances, code) in expected {
        let diagnosis = diagnose(&server(&[TCP], expires_in), &circumstances, &rejected());
        assert_eq!(diagnosis.findings[0].explanation.code, code, "{expires_in} {circumstances:?}");
    }
}

#[test]
fn it_is_said_by_how_much_a_clock_is_wrong() {
    let steps = vec![step(TCP, V4, StepKind::Allocate, refusal(401))];
    let behind = Circumstances::new(Origin::Homeserver)
        .with_ttl(HOUR)
        .with_clocks(now(), Some(now() - HOUR - Duration::from_secs(120)));
    let diagnosis = diagnose(&server(&[TCP], -120), &behind, &steps);
    assert_eq!(
        diagnosis.findings[0].explanation.meaning,
        "The homeserver's clock is 1 hour 2 minutes behind this machine's, so the TURN server \
         rejects its credentials as expired."
    );
}

#[test]
fn a_wrong_clock_is_told_while_everything_still_works() {
    let ahead = Circumstances::new(Origin::Homeserver)
        .with_ttl(HOUR)
        .with_clocks(now(), Some(now() + Duration::from_secs(300)));
    let diagnosis = diagnose(&server(&[TCP], 3900), &ahead, &works(TCP, V4));
    assert_eq!(diagnosis.verdict, Verdict::AllRelay);
    assert_eq!(codes(&diagnosis), ["clocks_differ"]);
}

#[test]
fn a_password_that_never_expires_is_told_from_a_shared_secret() {
    let server = TurnServer::new(vec![TCP.to_owned()], "alice", "p");
    let steps = vec![step(TCP, V4, StepKind::Allocate, refusal(401))];
    for origin in [Origin::Homeserver, Origin::Given] {
        let diagnosis = diagnose(&server, &Circumstances::new(origin), &steps);
        assert_eq!(diagnosis.findings[0].cause, Cause::PasswordRejected { origin });
    }
}

#[test]
fn what_is_said_of_the_uris() {
    let said = |uris: &[&str]| {
        let findings = diagnosis(uris, vec![]).findings;
        findings.iter().map(|finding| finding.explanation.code).collect::<Vec<_>>()
    };
    assert_eq!(said(&[UDP]), ["only_udp"]);
    assert_eq!(said(&[UDP, TCP]), ["no_tls"]);
    assert_eq!(said(&[UDP, "turns:a"]), ["no_https_port"]);
    assert_eq!(said(&[UDP, TLS]), [""; 0]);
    assert_eq!(said(&["stun:a"]), ["no_turn_uri"]);
    assert_eq!(said(&[TLS, "turn://a", "turn://b", "http:c"]), ["unusable_uri", "unusable_uri"]);
}

#[test]
fn a_short_ttl_is_told_and_an_unknown_one_is_not() {
    let said = |ttl| {
        let circumstances = fresh().with_ttl(Duration::from_secs(ttl));
        codes(&diagnose(&server(&[TCP], 3600), &circumstances, &works(TCP, V4)))
    };
    assert_eq!(said(300), ["short_ttl"]);
    assert_eq!(said(600), [""; 0]);
    assert_eq!(said(0), [""; 0]);
}

#[test]
fn dtls_is_not_tried_and_no_failure() {
    let uri = "turns:turn.example.org?transport=udp";
    let mut steps = works(TLS, V4);
    let skipped = Step::new(uri.parse().unwrap(), None, StepKind::Connect, Skipped::Dtls);
    steps.push(skipped);
    let diagnosis = diagnosis(&[TLS, uri], steps);
    assert_eq!(diagnosis.verdict, Verdict::AllRelay);
    assert_eq!(diagnosis.routes[1].status, RouteStatus::Untested);
}

#[test]
fn a_certificate_near_its_end_is_told() {
    let expires = SystemTime::now() + Duration::from_secs(3 * 24 * 3600 + 60);
    let mut steps = works(TLS, V4);
    steps.push(step(TLS, V4, StepKind::Tls, Found::Certificate { expires }));
    let diagnosis = diagnosis(&[TLS], steps);
    assert_eq!(codes(&diagnosis), ["certificate_expires_soon"]);
    assert_eq!(
        diagnosis.findings[0].explanation.meaning,
        "The TURN server's certificate expires in 3 days."
    );
}

#[test]
fn what_the_homeserver_did_not_hand_out_is_told_only_if_it_said_so() {
    let code = |reason: UnavailableReason| {
        diagnose_unavailable(&Unavailable::new(reason), Homeserver::Unknown)
            .map(|found| found.findings[0].explanation.code)
    };
    assert_eq!(code(UnavailableReason::NotConfigured), Some("no_turn"));
    assert_eq!(code(UnavailableReason::Misconfigured), Some("misconfigured"));
    let why = Unavailable::new(UnavailableReason::Misconfigured)
        .with_detail("none of its URIs can be used: its host is neither a name nor an IP address");
    let findings = diagnose_unavailable(&why, Homeserver::Synapse).unwrap().findings;
    assert_eq!(
        findings[0].explanation.meaning,
        "The homeserver hands out a TURN server that no client can use: none of its URIs can be \
         used: its host is neither a name nor an IP address."
    );
    assert_eq!(code(UnavailableReason::Forbidden), Some("forbidden"));
    assert_eq!(code(UnavailableReason::Unreachable), None);
    assert_eq!(code(UnavailableReason::RateLimited), None);
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Done(Found::Works)),
        Just(relayed("10.1.2.3:4").into()),
        Just(Outcome::Skipped(Skipped::OtherFamily)),
        Just(Failure::Refused.into()),
        Just(Failure::Timeout(HOUR).into()),
        Just(Failure::Redirected(Some(address(V4))).into()),
        (300_u16..700).prop_map(|code| refusal(code).into()),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let uri = proptest::sample::select(vec![UDP, TCP, TLS, "stun:turn.example.org"]);
    let at = proptest::sample::select(vec![V4, V6]);
    let kind = proptest::sample::select(StepKind::ALL.to_vec());
    (uri, at, kind, any_outcome()).prop_map(|(uri, at, kind, outcome)| step(uri, at, kind, outcome))
}

#[test]
fn allocate_decides_and_binding_does_not() {
    for failure in [refusal(401), Failure::Timeout(HOUR)] {
        let mut steps = works(TCP, V4);
        steps[0] = step(TCP, V4, StepKind::Binding, failure);
        let diagnosis = diagnosis(&[TCP], steps);
        assert_eq!(diagnosis.verdict, Verdict::AllRelay);
        let note = diagnosis.findings.iter().find(|found| found.explanation.code == "no_binding");
        assert_eq!(note.unwrap().severity, Severity::Note);
    }
}

#[test]
fn a_server_that_answers_binding_alone_is_no_turn_server() {
    let steps = vec![
        step(UDP, V4, StepKind::Allocate, Failure::Timeout(HOUR)),
        step(UDP, V4, StepKind::Binding, Found::Mapped(address("198.51.100.7:40000"))),
        step(TCP, V4, StepKind::Connect, Found::Works),
        step(TCP, V4, StepKind::Allocate, Failure::NotStun(Stranger::HangsUp)),
    ];
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps)), ["only_stun"]);
}

#[test]
fn a_server_that_holds_answers_back_is_told_from_a_busy_one() {
    let silent = |binding: Outcome| {
        let steps = vec![
            step(TCP, V4, StepKind::Allocate, Failure::FellSilent(HOUR)),
            step(TCP, V4, StepKind::Binding, binding),
        ];
        diagnosis(&[TCP], steps).findings[0].cause.clone()
    };
    let mapped = Found::Mapped(address("198.51.100.7:40000"));
    assert_eq!(silent(mapped.into()), Cause::FellSilent { is_busy: false });
    assert_eq!(silent(Failure::Timeout(HOUR).into()), Cause::FellSilent { is_busy: true });
}

#[test]
fn tcp_that_is_accepted_without_turn_says_nothing_about_udp() {
    let steps = vec![
        step(UDP, V4, StepKind::Allocate, Failure::Timeout(HOUR)),
        step(TCP, V4, StepKind::Connect, Found::Works),
        step(TCP, V4, StepKind::Allocate, Failure::NotStun(Stranger::Mute)),
    ];
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps)), ["silent", "not_turn"]);
}

#[test]
fn a_server_that_answers_elsewhere_runs() {
    let mut steps = works(UDP, V4);
    steps.push(step(TLS, "192.0.2.1:443", StepKind::Connect, Failure::Refused));
    let diagnosis = diagnosis(&[UDP, TLS], steps);
    assert_eq!(codes(&diagnosis), ["port_closed"]);
    let advice = &diagnosis.findings[0].explanation.advice;
    assert!(advice.contains("answers at 192.0.2.1:3478 over UDP: its TLS listener"), "{advice}");
}

#[test]
fn the_same_fate_of_many_ports_is_one_finding() {
    let steps = ["192.0.2.1:3478", "192.0.2.2:3478", "192.0.2.3:3478", "192.0.2.4:3478"]
        .iter()
        .flat_map(|at| {
            [
                step(UDP, at, StepKind::Allocate, Failure::Timeout(HOUR)),
                step(TCP, at, StepKind::Connect, Failure::Timeout(HOUR)),
            ]
        })
        .collect();
    let diagnosis = diagnosis(&[UDP, TCP], steps);
    assert_eq!(codes(&diagnosis), ["silent"]);
    let meaning = &diagnosis.findings[0].explanation.meaning;
    assert!(meaning.contains("192.0.2.3:3478 over UDP and TCP and 1 more:"), "{meaning}");
}

#[test]
fn a_name_with_web_servers_alone_leads_to_a_proxy() {
    let steps = vec![
        step(UDP, V4, StepKind::Allocate, Failure::Timeout(HOUR)),
        step(TLS, "192.0.2.1:443", StepKind::Allocate, Failure::NotStun(Stranger::Http)),
    ];
    assert_eq!(codes(&diagnosis(&[UDP, TLS], steps)), ["behind_web_proxy"]);
}

#[test]
fn a_relay_at_an_address_that_data_does_not_reach_is_elsewhere() {
    let mut steps = works(UDP, V4);
    steps[1] = step(UDP, V4, StepKind::Allocate, relayed("198.51.100.77:50000"));
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps.clone())), [""; 0]);
    steps.push(step(UDP, V4, StepKind::Direct, Failure::Lost(Leg::There)));
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps)), ["relay_elsewhere"]);
}

/// A route that works, at which the server sees a machine with one address at another one.
fn seen_at(local: &str, seen: &str) -> Vec<Step> {
    let mut steps = works(UDP, V4);
    let mut lease = lease(RELAY);
    lease.local = Some(local.parse().unwrap());
    lease.mapped = Some(address(seen));
    steps[1] = step(UDP, V4, StepKind::Allocate, Found::Relayed(lease));
    steps
}

#[test]
fn a_server_that_sees_a_public_machine_at_a_private_address_is_behind_source_nat() {
    let hidden = diagnosis(&[UDP, TCP], seen_at("198.51.100.7", "10.0.0.1:40000"));
    assert_eq!((codes(&hidden), hidden.verdict), (vec!["source_nat"], Verdict::NoneRelays));
    let doubtful = diagnosis(&[UDP, TCP], seen_at("10.0.1.20", "10.0.0.1:40000"));
    assert_eq!((codes(&doubtful), doubtful.verdict), (vec!["source_nat"], Verdict::AllRelay));
    for (local, seen) in [("10.0.1.20", "198.51.100.7:1"), ("198.51.100.7", "198.51.100.7:1")] {
        assert_eq!(codes(&diagnosis(&[UDP, TCP], seen_at(local, seen))), [""; 0]);
    }
}

#[test]
fn on_the_turn_servers_own_machine_a_bridge_hides_nothing() {
    let seen = seen_at("192.0.2.1", "172.17.0.1:40000");
    let diagnosis = diagnosis(&[UDP, TCP], seen);
    assert_eq!((codes(&diagnosis), diagnosis.verdict), (vec!["source_nat"], Verdict::AllRelay));
    assert!(!diagnosis.has_problem());
}

#[test]
fn a_private_peer_that_is_denied_is_no_fault() {
    for (local, status) in
        [("198.51.100.7", RouteStatus::Broken), ("192.168.1.20", RouteStatus::Works)]
    {
        let mut steps = seen_at(local, &format!("{local}:40000"));
        steps.push(step(UDP, V4, StepKind::Direct, refusal(403)));
        let diagnosis = diagnosis(&[UDP, TCP], steps);
        assert_eq!(diagnosis.routes[0].status, status);
        assert_eq!(diagnosis.routes[0].findings.len(), 1);
    }
}

#[test]
fn a_server_without_credentials_is_a_problem_though_it_relays() {
    let mut steps = works(TLS, V4);
    let mut lease = lease(RELAY);
    lease.demands_credentials = false;
    steps[1] = step(TLS, V4, StepKind::Allocate, Found::Relayed(lease));
    let diagnosis = diagnosis(&[TLS], steps);
    assert_eq!((codes(&diagnosis), diagnosis.verdict), (vec!["open_relay"], Verdict::AllRelay));
    assert!(diagnosis.has_problem());
}

#[test]
fn a_port_that_browsers_refuse_is_a_problem_though_it_relays() {
    for (port, expected) in [(993, vec!["port_refused_by_browsers"]), (53, vec![]), (1024, vec![])]
    {
        let uri = format!("turn:turn.example.org:{port}?transport=tcp");
        let diagnosis = diagnosis(&[&uri], works(&uri, &format!("192.0.2.1:{port}")));
        assert_eq!(codes(&diagnosis), expected, "{port}");
    }
}

#[test]
fn a_private_address_in_a_uri_is_a_problem_though_it_relays() {
    let uri = "turn:10.0.0.5?transport=tcp";
    let mut steps = works(uri, "10.0.0.5:3478");
    steps[1] = step(uri, "10.0.0.5:3478", StepKind::Allocate, relayed("10.0.0.5:50000"));
    let diagnosis = diagnosis(&[uri], steps);
    assert_eq!((codes(&diagnosis), diagnosis.has_problem()), (vec!["private_uri"], true));
}

#[test]
fn a_relay_that_cannot_send_first_is_told() {
    let mut steps = works(TCP, V4);
    steps.push(step(TCP, V4, StepKind::Direct, Found::OnlyAnswers));
    assert_eq!(codes(&diagnosis(&[TCP], steps)), ["only_answers"]);
}

#[test]
fn a_relay_that_cannot_send_first_hides_no_earlier_failure() {
    use StepKind::{ChannelBind, CreatePermission, Direct, Refresh, Relay, SecondAllocate};
    for (kind, failure, code) in [
        (SecondAllocate, refusal(486), "quota"),
        (SecondAllocate, refusal(508), "no_ports"),
        (CreatePermission, refusal(403), "peer_denied"),
        (ChannelBind, refusal(403), "peer_denied"),
        (Relay, Failure::Lost(Leg::There), "only_answers"),
        (Refresh, refusal(437), "only_answers"),
    ] {
        let steps = vec![
            step(TCP, V4, StepKind::Allocate, relayed(RELAY)),
            step(TCP, V4, kind, failure),
            step(TCP, V4, Direct, Found::OnlyAnswers),
        ];
        let diagnosis = diagnosis(&[TCP], steps);
        assert_eq!(diagnosis.findings[0].explanation.code, code, "{kind}");
        assert!(codes(&diagnosis).contains(&"only_answers"), "{kind}");
    }
}

#[test]
fn a_quota_is_put_down_to_those_who_use_it() {
    let rejected = |kind, reason| {
        let failure = Failure::Refusal { code: 486, reason: Text::new(reason) };
        let mut steps = vec![step(TCP, V4, kind, failure)];
        if kind == StepKind::SecondAllocate {
            steps.insert(0, step(TCP, V4, StepKind::Allocate, relayed(RELAY)));
        }
        diagnosis(&[TCP], steps).findings[0].cause.clone()
    };
    use StepKind::{Allocate, SecondAllocate};
    let reached = "Allocation Quota Reached";
    assert_eq!(rejected(Allocate, reached), Cause::Quota(QuotaUser::Others));
    assert_eq!(rejected(SecondAllocate, reached), Cause::Quota(QuotaUser::Ours));
    let bandwidth = "Allocation Bandwidth Quota Reached";
    assert_eq!(rejected(Allocate, bandwidth), Cause::Quota(QuotaUser::Bandwidth));
}

#[test]
fn a_redirection_back_is_a_circle() {
    let other = "192.0.2.2:3478";
    let to = |at| Failure::Redirected(Some(address(at)));
    let circle = vec![
        step(TCP, V4, StepKind::Allocate, to(other)),
        step(TCP, other, StepKind::Allocate, to(V4)),
    ];
    let itself = vec![step(TCP, V4, StepKind::Allocate, to(V4))];
    for steps in [circle, itself] {
        let diagnosis = diagnosis(&[TCP], steps);
        let meaning = &diagnosis.findings[0].explanation.meaning;
        assert!(meaning.ends_with("they go in a circle."), "{meaning}");
        assert_eq!(diagnosis.verdict, Verdict::NoneRelays);
    }
    let mut onward = works(TCP, other);
    onward.push(step(TCP, V4, StepKind::Allocate, to(other)));
    assert_eq!(diagnosis(&[TCP], onward).verdict, Verdict::AllRelay);
}

#[test]
fn an_answer_from_another_address_is_told() {
    let steps = vec![
        step(UDP, V4, StepKind::Allocate, Failure::Timeout(HOUR)),
        step(UDP, V4, StepKind::Binding, Failure::AnsweredFrom(address("192.0.2.9:3478"))),
    ];
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps)), ["answered_from"]);
}

#[test]
fn saved_credentials_expire_with_the_age_of_their_file() {
    let server = TurnServer::new(vec![TCP.to_owned()], "random", "p");
    let rejected = || vec![step(TCP, V4, StepKind::Allocate, refusal(401))];
    let saved = |ago| {
        let saved = Circumstances::new(Origin::Saved).with_ttl(HOUR).with_clocks(now(), None);
        let circumstances = saved.with_saved_at(Some(now() - ago));
        diagnose(&server, &circumstances, &rejected()).findings[0].explanation.code
    };
    assert_eq!(saved(2 * HOUR), "expired");
    assert_eq!(saved(HOUR / 2), "password_rejected");
}

#[test]
fn advice_names_the_settings_of_the_software_at_hand() {
    let advice = |homeserver, server_name: Option<&str>| {
        let mut rejected = step(TCP, V4, StepKind::Allocate, refusal(401));
        rejected.server_name = server_name.map(Text::new);
        let circumstances = fresh().with_homeserver(homeserver);
        let diagnosis = diagnose(&server(&[TCP], 3600), &circumstances, &[rejected]);
        diagnosis.findings[0].explanation.advice.clone()
    };
    let said = advice(Homeserver::named("Synapse"), Some("Coturn-4.6.1 'Gorst'"));
    assert!(said.contains("`turn_shared_secret` in homeserver.yaml"), "{said}");
    assert!(said.contains("`static-auth-secret` in turnserver.conf"), "{said}");
    let said = advice(Homeserver::named("continuwuity"), Some("eturnal 1.12.1"));
    assert!(said.contains("`turn_secret` in the homeserver's TOML file"), "{said}");
    assert!(said.contains("`secret` in eturnal.yml") && !said.contains("coturn"), "{said}");
    let said = advice(Homeserver::named("Other"), None);
    assert!(said.contains("the TURN server's shared secret (in coturn"), "{said}");
}

proptest! {
    #[test]
    fn whatever_happened_findings_and_routes_know_each_other(
        steps in proptest::collection::vec(any_step(), 0..40),
        expires_in in -10_000_i64..10_000,
    ) {
        let server = server(&[UDP, TCP, TLS, "stun:turn.example.org"], expires_in);
        let diagnosis = diagnose(&server, &fresh(), &steps);
        for (number, finding) in diagnosis.findings.iter().enumerate() {
            let explanation = &finding.explanation;
            prop_assert!(!explanation.meaning.is_empty() && !explanation.advice.is_empty());
            for route in &finding.routes {
                prop_assert!(diagnosis.routes[*route].findings.contains(&number));
            }
        }
        for route in &diagnosis.routes {
            if route.status == RouteStatus::Broken {
                prop_assert!(!route.findings.is_empty());
            }
        }
        let relays = diagnosis.routes.iter().filter(|route| route.relays()).count();
        prop_assert_eq!(relays == 0, diagnosis.verdict == Verdict::NoneRelays);
    }
}
