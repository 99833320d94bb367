//! What is worth saying beside the causes of failures.

use std::{collections::BTreeSet, net::IpAddr, time::SystemTime};

use matrix_sdk_turn::{IceTransport, IceUri, TurnServer, url::Host};

use super::{
    cause::Cause,
    circumstances::Circumstances,
    failing::doubtful_addresses,
    finding::{Observation, Severity},
    rejection::clock_difference,
    route::{Route, RouteStatus},
};
use crate::{
    address::is_private,
    step::{Found, Outcome, Skipped, Step, StepKind},
};

/// A TTL that is shorter than this is shorter than many a call: a call that outlives its credentials
/// breaks at the first change of network. Synapse's default is an hour.
const SHORT_TTL_SECS: u64 = 10 * 60;

/// A certificate that is renewed by itself, as Let's Encrypt's are, is renewed 30 days before its end:
/// one that is this close to it will not be.
const EXPIRES_SOON_SECS: u64 = 7 * 24 * 3600;

/// Where strict firewalls let TLS through.
const HTTPS_PORT: u16 = 443;

/// The ports below 1024 that Chromium sends STUN and TURN to.
const PORTS_OF_BROWSERS: [u16; 3] = [53, 80, HTTPS_PORT];

/// Looks at each route, also at those that work.
pub(super) fn about_routes(routes: &mut [Route]) -> Vec<Observation> {
    let mut found = Vec::new();
    for (index, route) in routes.iter_mut().enumerate() {
        let port = route.uri.port();
        if route.relays() && port < 1024 && !PORTS_OF_BROWSERS.contains(&port) {
            route.status = RouteStatus::Broken;
            found.push((Cause::PortRefusedByBrowsers(port), Severity::Problem, Some(index)));
        }
        let steps = route.steps.iter().filter_map(|step| about_step(route, step));
        let doubtful = doubtful_addresses(route).map(|cause| (cause, Severity::Warning));
        let address = private_host(route);
        let observed = steps.chain(doubtful).chain(address);
        found.extend(observed.map(|(cause, severity)| (cause, severity, Some(index))));
    }
    found
}

fn about_step(route: &Route, step: &Step) -> Option<(Cause, Severity)> {
    match (&step.outcome, step.kind) {
        (Outcome::Done(Found::Certificate { expires }), _) => {
            let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
            let days = left.as_secs() / (24 * 3600);
            let is_soon = days * 24 * 3600 < EXPIRES_SOON_SECS;
            is_soon.then_some((Cause::CertificateExpiresSoon { days }, Severity::Warning))
        }
        (Outcome::Done(Found::Relayed(relayed)), StepKind::Allocate) => {
            (!relayed.demands_credentials).then_some((Cause::OpenRelay, Severity::Problem))
        }
        (Outcome::Done(Found::OnlyAnswers), _) => Some((Cause::OnlyAnswers, Severity::Warning)),
        (Outcome::Failed(_), StepKind::Binding) => {
            route.relay().is_some().then_some((Cause::NoBinding, Severity::Note))
        }
        (Outcome::Skipped(Skipped::Dtls), StepKind::Connect) => {
            Some((Cause::DtlsNotTried, Severity::Note))
        }
        (Outcome::Skipped(Skipped::OutOfTime), kind) => {
            (kind <= StepKind::Relay).then_some((Cause::OutOfTime, Severity::Warning))
        }
        _ => None,
    }
}

/// A private address in a URI is a problem, also if it relays from here; that a name leads to one may be
/// meant, for the machines of that network.
fn private_host(route: &Route) -> Option<(Cause, Severity)> {
    let ip = match route.uri.host() {
        Host::Ipv4(ip) => IpAddr::V4(*ip),
        Host::Ipv6(ip) => IpAddr::V6(*ip),
        Host::Domain(_) => route.address?.ip(),
    };
    let is_name = matches!(route.uri.host(), Host::Domain(_));
    let severity = match is_name || ip.is_loopback() {
        true => Severity::Warning,
        false => Severity::Problem,
    };
    is_private(ip).then_some((Cause::PrivateUri(ip), severity))
}

/// Looks at what the credentials say of themselves, unless a failure has been put down to it.
pub(super) fn about_credentials(
    server: &TurnServer,
    circumstances: &Circumstances,
    causes: &[Cause],
) -> Vec<Observation> {
    let is_explained = causes
        .iter()
        .any(|cause| matches!(cause, Cause::ClocksDiffer { .. } | Cause::Expired { .. }));
    let clocks = clock_difference(server, circumstances).filter(|_| !is_explained);
    let ttl = circumstances.ttl.filter(|ttl| (1..SHORT_TTL_SECS).contains(&ttl.as_secs()));
    let found = clocks.into_iter().chain(ttl.map(Cause::ShortTtl));
    found.map(|cause| (cause, Severity::Warning, None)).collect()
}

/// Looks at which URIs there are.
pub(super) fn about_uris(server: &TurnServer) -> Vec<Observation> {
    let mut found = Vec::new();
    let mut reasons = BTreeSet::new();
    for left_out in server.left_out() {
        if reasons.insert(left_out.reason.to_string()) {
            found.push((Cause::UnusableUri(left_out.reason), Severity::Warning, None));
        }
    }
    let turn: Vec<IceUri> = server.ice_uris().filter(IceUri::is_turn).collect();
    let over_tls = || turn.iter().filter(|uri| uri.is_tls() && is_tcp(uri));
    if turn.is_empty() {
        found.push((Cause::NoTurnUri, Severity::Problem, None));
    } else if !turn.iter().any(is_tcp) {
        found.push((Cause::OnlyUdp, Severity::Warning, None));
    } else if over_tls().next().is_none() {
        found.push((Cause::NoTls, Severity::Note, None));
    } else if !over_tls().any(|uri| uri.port() == HTTPS_PORT) {
        found.push((Cause::NoHttpsPort, Severity::Note, None));
    }
    found
}

/// What was left out because there was too much of it.
pub(super) fn too_many(steps: &[Step]) -> Option<Observation> {
    let is_left_out = |step: &&Step| step.outcome == Outcome::Skipped(Skipped::TooMany);
    let count = steps.iter().filter(is_left_out).count();
    (count > 0).then_some((Cause::TooMany(count), Severity::Warning, None))
}

fn is_tcp(uri: &IceUri) -> bool {
    uri.transport() == IceTransport::Tcp
}
