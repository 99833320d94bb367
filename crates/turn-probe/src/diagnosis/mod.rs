//! From steps to what they mean for the set-up.

mod cause;
mod circumstances;
mod failing;
mod rejection;
mod route;
mod wording;
mod words;

use std::collections::BTreeSet;

use matrix_sdk_turn::{IceTransport, IceUri, TurnServer, Unavailable, UnavailableReason};

pub use self::{
    cause::{Cause, Finding, Severity},
    circumstances::{Circumstances, Origin},
    route::{Route, RouteStatus},
};
use self::{failing::Failing, rejection::clock_difference, route::routes};
use crate::{
    failure::Text,
    step::{Found, Skipped, Step, StepKind},
};

/// A TTL that is shorter than this is shorter than many a call: a call that outlives its credentials
/// breaks at the first change of network. Synapse's default is an hour.
const SHORT_TTL_SECS: u64 = 10 * 60;

/// A certificate that is renewed by itself, as Let's Encrypt's are, is renewed 30 days before its end:
/// one that is this close to it will not be.
const EXPIRES_SOON_SECS: u64 = 7 * 24 * 3600;

/// Where strict firewalls let TLS through.
const HTTPS_PORT: u16 = 443;

/// What a probe found out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// All of it in a word.
    pub verdict: Verdict,
    /// Each URI at each of its addresses, in the order of the URIs.
    pub routes: Vec<Route>,
    /// What is to be said, the worst first.
    pub findings: Vec<Finding>,
}

/// What a probe found out, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Everything that was tried relays.
    AllRelay,
    /// Something relays, and something does not.
    SomeRelay,
    /// Nothing relays.
    NoneRelays,
}

/// Says what the steps of a probe mean.
///
/// `server` is what was probed, and `circumstances` is what is known of how it was come by.
pub fn diagnose(server: &TurnServer, circumstances: &Circumstances, steps: &[Step]) -> Diagnosis {
    let mut routes = routes(server, steps);
    let mut findings = Findings::default();
    let failing = Failing { server, circumstances, routes: &routes.clone() };
    for (index, route) in routes.iter_mut().enumerate() {
        if let Some((status, cause, severity)) = failing.explain(route) {
            route.status = status;
            findings.add(cause, severity, Some(index));
        }
    }
    about_routes(&routes, &mut findings);
    about_credentials(server, circumstances, &mut findings);
    about_uris(server, &mut findings);
    Diagnosis::new(verdict(&routes), routes, findings)
}

/// Says what it means that there are no credentials. `None` if the homeserver did not say: it could not be
/// asked.
pub fn diagnose_unavailable(why: &Unavailable) -> Option<Diagnosis> {
    let cause = match why.reason() {
        UnavailableReason::NotConfigured => Cause::NoTurn,
        UnavailableReason::Misconfigured => {
            let what = why.detail().map_or_else(|| why.to_string(), str::to_owned);
            Cause::Misconfigured(Text::new(&what))
        }
        UnavailableReason::Forbidden => Cause::Forbidden,
        _ => return None,
    };
    let mut findings = Findings::default();
    findings.add(cause, Severity::Problem, None);
    Some(Diagnosis::new(Verdict::NoneRelays, vec![], findings))
}

impl Diagnosis {
    fn new(verdict: Verdict, mut routes: Vec<Route>, findings: Findings) -> Self {
        let mut findings = findings.0;
        // Stable: what is equally bad stays in the order of the routes.
        findings.sort_by_key(|finding| finding.severity);
        for (number, finding) in findings.iter().enumerate() {
            for route in &finding.routes {
                routes[*route].findings.push(number);
            }
        }
        Self { verdict, routes, findings }
    }
}

/// Collects findings, each cause once.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, cause: Cause, severity: Severity, route: Option<usize>) {
        let known = self.0.iter_mut().find(|finding| finding.cause == cause);
        let finding = match known {
            Some(finding) => finding,
            None => {
                self.0.push(Finding { cause, severity, routes: vec![] });
                let last = self.0.len() - 1;
                &mut self.0[last]
            }
        };
        finding.severity = finding.severity.min(severity);
        finding.routes.extend(route);
    }
}

fn verdict(routes: &[Route]) -> Verdict {
    let count = |status| routes.iter().filter(|route| route.status == status).count();
    let relays = routes.iter().filter(|route| route.relays()).count();
    match (relays, count(RouteStatus::Broken)) {
        (0, _) => Verdict::NoneRelays,
        (_, 0) => Verdict::AllRelay,
        _ => Verdict::SomeRelay,
    }
}

/// What is worth saying of routes that work.
fn about_routes(routes: &[Route], findings: &mut Findings) {
    for (index, route) in routes.iter().enumerate() {
        for step in &route.steps {
            match (&step.outcome, step.kind) {
                (crate::Outcome::Done(Found::Certificate { expires }), _) => {
                    let left = expires.duration_since(std::time::SystemTime::now());
                    let days = left.unwrap_or_default().as_secs() / (24 * 3600);
                    if days * 24 * 3600 < EXPIRES_SOON_SECS {
                        let cause = Cause::CertificateExpiresSoon { days };
                        findings.add(cause, Severity::Warning, Some(index));
                    }
                }
                (crate::Outcome::Skipped(Skipped::Dtls), StepKind::Connect) => {
                    findings.add(Cause::DtlsNotTried, Severity::Note, Some(index));
                }
                _ => {}
            }
        }
    }
}

fn about_credentials(server: &TurnServer, circumstances: &Circumstances, findings: &mut Findings) {
    let is_explained = findings
        .0
        .iter()
        .any(|finding| matches!(finding.cause, Cause::ClocksDiffer { .. } | Cause::Expired { .. }));
    if let Some(cause) = clock_difference(server, circumstances).filter(|_| !is_explained) {
        findings.add(cause, Severity::Warning, None);
    }
    if let Some(ttl) = circumstances.ttl.filter(|ttl| (1..SHORT_TTL_SECS).contains(&ttl.as_secs()))
    {
        findings.add(Cause::ShortTtl(ttl), Severity::Warning, None);
    }
}

fn about_uris(server: &TurnServer, findings: &mut Findings) {
    let mut reasons = BTreeSet::new();
    for left_out in server.left_out() {
        if reasons.insert(left_out.reason.to_string()) {
            findings.add(Cause::UnusableUri(left_out.reason), Severity::Warning, None);
        }
    }
    let turn: Vec<IceUri> = server.ice_uris().filter(IceUri::is_turn).collect();
    let over_tls = || turn.iter().filter(|uri| uri.is_tls() && is_tcp(uri));
    if turn.is_empty() {
        findings.add(Cause::NoTurnUri, Severity::Problem, None);
    } else if !turn.iter().any(is_tcp) {
        findings.add(Cause::OnlyUdp, Severity::Warning, None);
    } else if over_tls().next().is_none() {
        findings.add(Cause::NoTls, Severity::Note, None);
    } else if !over_tls().any(|uri| uri.port() == HTTPS_PORT) {
        findings.add(Cause::NoHttpsPort, Severity::Note, None);
    }
}

fn is_tcp(uri: &IceUri) -> bool {
    uri.transport() == IceTransport::Tcp
}
