//! From steps to findings, and every sentence that may come of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use matrix_sdk_turn::{IceUri, InvalidIceUri, TurnServer, Unavailable, UnavailableReason};
use proptest::prelude::*;
use turn_probe::{
    Cause, CertificateFault, Circumstances, Diagnosis, Failure, Found, Leg, Origin, Outcome,
    RouteStatus, Severity, Skipped, Step, StepKind, Stranger, Text, Verdict, diagnose,
    diagnose_unavailable,
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
    Found::Relayed { address: address(at), lifetime: Duration::from_secs(600) }
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
    worse.map(|finding| finding.cause.code()).collect()
}

/// What one failing step is put down to, beside a route that works.
fn cause_of(uri: &str, at: &str, kind: StepKind, failure: Failure) -> Cause {
    let mut steps = works(TLS, "192.0.2.99:443");
    if kind > StepKind::Allocate {
        steps.push(step(uri, at, StepKind::Allocate, relayed(RELAY)));
    }
    steps.push(step(uri, at, kind, failure));
    diagnosis(&[TLS, uri], steps).findings[0].cause.clone()
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
        (UDP, Binding, Failure::Refused, "port_closed"),
        (TCP, Connect, Failure::Refused, "port_closed"),
        (UDP, Binding, Failure::Timeout(HOUR), "silent"),
        (TCP, Connect, Failure::Timeout(HOUR), "silent"),
        (UDP, Connect, Failure::NoRoute, "no_route"),
        (TLS, Tls, fault, "certificate_self_signed"),
        (TLS, Tls, Failure::Tls(Text::new("x")), "tls_fails"),
        (UDP, Binding, Failure::NotStun(Stranger::Http), "not_turn"),
        (UDP, Binding, Failure::Flooded, "misbehaves"),
        (UDP, Allocate, Failure::Timeout(HOUR), "misbehaves"),
        (UDP, Allocate, Failure::BadSignature, "misbehaves"),
        (UDP, Allocate, refusal(401), "secrets_differ"),
        (UDP, Allocate, refusal(441), "secrets_differ"),
        (UDP, Allocate, refusal(403), "refused"),
        (UDP, Allocate, refusal(440), "wrong_family"),
        (UDP, Allocate, refusal(486), "quota"),
        (UDP, Allocate, refusal(508), "no_ports"),
        (UDP, Allocate, refusal(500), "refused"),
        (UDP, Allocate, Failure::Redirected(None), "redirected"),
        (UDP, StepKind::SecondAllocate, refusal(486), "quota"),
        (UDP, CreatePermission, refusal(403), "peer_denied"),
        (UDP, CreatePermission, refusal(443), "wrong_family"),
        (UDP, ChannelBind, refusal(403), "peer_denied"),
        (UDP, Relay, Failure::Lost(Leg::There), "relayed_data_lost"),
        (UDP, Direct, Failure::Lost(Leg::There), "relay_ports_filtered"),
    ];
    for (uri, kind, failure, code) in expected {
        let found = cause_of(uri, "192.0.2.50:3478", kind, failure.clone());
        assert_eq!(found.code(), code, "{kind} {failure}");
    }
}

#[test]
fn a_name_that_does_not_resolve_is_a_route_of_its_own() {
    let failure = Failure::NoAddress(Text::new("not known"));
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
    steps.push(step(UDP, V4, StepKind::Binding, Failure::Timeout(HOUR)));
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
fn a_machine_without_ipv6_blames_nobody() {
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
    assert_eq!(codes(&diagnosis(&[UDP, TCP], steps)), [""; 0]);
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
        assert_eq!(diagnosis.findings[0].cause.code(), code, "{expires_in} {circumstances:?}");
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
        diagnosis.findings[0].cause.meaning(),
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
        findings.iter().map(|finding| finding.cause.code()).collect::<Vec<_>>()
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
        diagnosis.findings[0].cause.meaning(),
        "The TURN server's certificate expires in 3 days."
    );
}

#[test]
fn what_the_homeserver_did_not_hand_out_is_told_only_if_it_said_so() {
    let code = |reason: UnavailableReason| {
        diagnose_unavailable(&Unavailable::new(reason)).map(|found| found.findings[0].cause.code())
    };
    assert_eq!(code(UnavailableReason::NotConfigured), Some("no_turn"));
    assert_eq!(code(UnavailableReason::Misconfigured), Some("misconfigured"));
    let why = Unavailable::new(UnavailableReason::Misconfigured)
        .with_detail("none of its URIs can be used: its host is neither a name nor an IP address");
    let findings = diagnose_unavailable(&why).unwrap().findings;
    assert_eq!(
        findings[0].cause.meaning(),
        "The homeserver hands out a TURN server that no client can use: none of its URIs can be \
         used: its host is neither a name nor an IP address."
    );
    assert_eq!(code(UnavailableReason::Forbidden), Some("forbidden"));
    assert_eq!(code(UnavailableReason::Unreachable), None);
    assert_eq!(code(UnavailableReason::RateLimited), None);
}

/// Every cause, with a piece of its meaning and the setting that its advice has to name.
fn sentences() -> Vec<(Cause, &'static str, &'static str)> {
    let text = || Text::new("why");
    let (at, ip) = (address(V4), address(V4).ip());
    let certificate = |fault| Cause::Certificate { host: "a".to_owned(), fault };
    let clocks = |homeserver_is_behind, rejected| Cause::ClocksDiffer {
        homeserver_is_behind,
        by: HOUR,
        rejected,
    };
    let past = SystemTime::now() - HOUR - HOUR / 30;
    let future = SystemTime::now() + HOUR + HOUR / 30;
    vec![
        (Cause::NoTurn, "hands out no TURN server", "`turn_uris`"),
        (Cause::Misconfigured(text()), "that no client can use: why", "`turn_shared_secret`"),
        (Cause::Forbidden, "refuses TURN servers", "`turn_allow_guests: true`"),
        (Cause::NoTurnUri, "no TURN server, so nothing is relayed", "`turn_uris`"),
        (Cause::UnusableUri(InvalidIceUri::Slash), "a slash follows", "`turn_uris`"),
        (Cause::UnknownName { host: "a".to_owned(), why: text() }, "The name a cannot", "DNS"),
        (Cause::PortClosed { address: at, transport: "TCP" }, "Nobody listens", "`listening-port`"),
        (Cause::Silent { address: at, transport: "UDP" }, "Nothing comes back from", "3478/udp"),
        (Cause::UdpFiltered { port: 3478 }, "while TCP works", "3478/udp"),
        (Cause::Ipv6Dead { ip }, "where nothing answers, while IPv4", "`listening-ip`"),
        (Cause::NoRoute { ipv6: true }, "has no IPv6", "network that has IPv6"),
        (Cause::NoRoute { ipv6: false }, "no way to", "`turn_uris`"),
        (
            certificate(CertificateFault::Expired { at: past }),
            "expired 1 hour 2 minutes ago",
            "`cert`",
        ),
        (
            certificate(CertificateFault::NotYetValid { from: future }),
            "valid only in 1 hour",
            "clock",
        ),
        (
            certificate(CertificateFault::WrongName { names: vec![text()] }),
            "for why, not for a",
            "`cert`",
        ),
        (
            certificate(CertificateFault::WrongName { names: vec![] }),
            "names no host",
            "`turn_uris`",
        ),
        (certificate(CertificateFault::SelfSigned), "signed by nobody but itself", "`pkey`"),
        (certificate(CertificateFault::UnknownIssuer { issuer: text() }), "\"why\"", "`cert`"),
        (
            certificate(CertificateFault::IncompleteChain { issuer: text() }),
            "chain",
            "fullchain.pem",
        ),
        (certificate(CertificateFault::Revoked), "revoked", "another certificate"),
        (certificate(CertificateFault::Other(text())), "not accepted: why", "`cert`"),
        (Cause::TlsFails(text()), "no common TLS: why", "`no-tls`"),
        (Cause::CertificateExpiresSoon { days: 0 }, "within a day", "Renew"),
        (Cause::CertificateExpiresSoon { days: 1 }, "in 1 day.", "SIGUSR2"),
        (Cause::NotTurn(Stranger::Http), "A web server answers", "reverse proxy"),
        (Cause::NotTurn(Stranger::Tls), "TLS is spoken", "turns:"),
        (Cause::NotTurn(Stranger::Unknown), "is no TURN server", "`listening-port`"),
        (Cause::Expired { ago: HOUR }, "expired 1 hour ago", "`turn_user_lifetime`"),
        (clocks(true, true), "1 hour behind this machine's, so the TURN server rejects", "NTP"),
        (clocks(true, false), "expire that much too early", "`timedatectl`"),
        (clocks(false, false), "1 hour ahead of this machine's", "`timedatectl`"),
        (
            Cause::SecretsDiffer {
                origin: Origin::Homeserver,
                valid_for: HOUR,
                clocks_agree: true,
            },
            "valid for another 1 hour, and the homeserver's clock agrees",
            "`static-auth-secret`",
        ),
        (
            Cause::PasswordRejected { origin: Origin::Given },
            "the username and the",
            "`lt-cred-mech`",
        ),
        (
            Cause::PasswordRejected { origin: Origin::Saved },
            "rejects the username",
            "`turn_username`",
        ),
        (
            Cause::PeerDenied { ip },
            "its own address 192.0.2.1 (403)",
            "`allowed-peer-ip=192.0.2.1`",
        ),
        (Cause::WrongFamily { code: 440 }, "(440)", "`relay-ip`"),
        (Cause::WrongFamily { code: 443 }, "(443)", "`external-ip`"),
        (Cause::Quota, "(486)", "`user-quota`"),
        (Cause::NoPorts, "(508)", "`max-port`"),
        (
            Cause::PrivateRelay { relay: address("10.0.0.5:1").ip(), server: ip },
            "the private address 10.0.0.5",
            "`external-ip=192.0.2.1/10.0.0.5`",
        ),
        (Cause::RelayedDataLost { relay: at }, "is lost", "`min-port`"),
        (Cause::RelayPortsFiltered { relay: at }, "a firewall drops UDP", "`max-port`"),
        (Cause::Refused { code: 500, reason: text() }, "refuses: 500 why", "`verbose`"),
        (
            Cause::Redirected { to: Some(at) },
            "sends clients on to 192.0.2.1:3478",
            "`alternate-server`",
        ),
        (Cause::Redirected { to: None }, "without saying to which", "`alternate-server`"),
        (Cause::Misbehaves(text()), "does not behave like one: why", "`turn_uris`"),
        (Cause::OnlyUdp, "over UDP only", "?transport=tcp"),
        (Cause::NoTls, "no turns: URI", "`tls-listening-port=443`"),
        (Cause::NoHttpsPort, "No turns: URI has port 443", "`tls-listening-port=443`"),
        (Cause::ShortTtl(HOUR / 20), "expire after 3 minutes", "`turn_user_lifetime`"),
        (Cause::DtlsNotTried, "DTLS", "?transport=tcp"),
    ]
}

#[test]
fn each_cause_says_what_it_means_and_what_to_change() {
    for (cause, meaning, setting) in sentences() {
        let said = cause.meaning();
        assert!(said.contains(meaning), "{}: {said}", cause.code());
        let advice = cause.advice();
        assert!(advice.contains(setting), "{}: {advice}", cause.code());
        for sentence in [said, advice] {
            assert!(sentence.starts_with(|first: char| first.is_uppercase()), "{sentence}");
            assert!(sentence.ends_with('.') && !sentence.contains("  "), "{sentence}");
            assert_eq!(sentence.matches(". ").count(), 0, "one sentence: {sentence}");
            assert_eq!(sentence.matches('`').count() % 2, 0, "{sentence}");
        }
    }
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

proptest! {
    #[test]
    fn whatever_happened_findings_and_routes_know_each_other(
        steps in proptest::collection::vec(any_step(), 0..40),
        expires_in in -10_000_i64..10_000,
    ) {
        let server = server(&[UDP, TCP, TLS, "stun:turn.example.org"], expires_in);
        let diagnosis = diagnose(&server, &fresh(), &steps);
        for (number, finding) in diagnosis.findings.iter().enumerate() {
            prop_assert!(!finding.cause.meaning().is_empty() && !finding.cause.advice().is_empty());
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
