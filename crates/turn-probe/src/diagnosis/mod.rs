//! From steps to what they mean for the set-up.

mod cause;
mod circumstances;
mod explanation;
mod failing;
mod finding;
mod meanings;
mod observations;
mod particulars;
mod rejection;
mod route;
mod setup;
mod words;

use matrix_sdk_turn::{TurnServer, Unavailable, UnavailableReason};

pub use self::{
    cause::{Cause, Place, Places, QuotaUser},
    circumstances::{Circumstances, Origin},
    explanation::Explanation,
    finding::{Finding, Severity},
    route::{Route, RouteStatus},
    setup::Homeserver,
};
use self::{
    failing::Failing,
    finding::Observation,
    observations::{about_credentials, about_routes, about_uris, too_many},
    route::routes,
    setup::{Setup, TurnSoftware},
};
use crate::{failure::Text, step::Step};

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
/// `server` is what was probed, and `circumstances` is what is known of where it comes from.
pub fn diagnose(server: &TurnServer, circumstances: &Circumstances, steps: &[Step]) -> Diagnosis {
    let mut routes = routes(server, steps);
    let mut found = Vec::new();
    let failing = Failing { server, circumstances, routes: &routes.clone() };
    for (index, route) in routes.iter_mut().enumerate() {
        if let Some((status, cause, severity)) = failing.explain(route) {
            route.status = status;
            found.push((cause, severity, Some(index)));
        }
    }
    found.extend(about_routes(&mut routes));
    let causes: Vec<_> = found.iter().map(|(cause, ..)| cause.clone()).collect();
    found.extend(about_credentials(server, circumstances, &causes));
    found.extend(about_uris(server));
    found.extend(too_many(steps));
    let setup = Setup { homeserver: circumstances.homeserver, turn: TurnSoftware::of(steps) };
    Diagnosis::new(routes, found, &setup)
}

/// Says what it means that there are no credentials. `None` if the homeserver did not say: it could not be
/// asked.
pub fn diagnose_unavailable(why: &Unavailable, homeserver: Homeserver) -> Option<Diagnosis> {
    let cause = match why.reason() {
        UnavailableReason::NotConfigured => Cause::NoTurn,
        UnavailableReason::Misconfigured => {
            let what = why.detail().map_or_else(|| why.to_string(), str::to_owned);
            Cause::Misconfigured(Text::new(&what))
        }
        UnavailableReason::Forbidden => Cause::Forbidden,
        _ => return None,
    };
    let setup = Setup { homeserver, ..Setup::default() };
    Some(Diagnosis::new(vec![], vec![(cause, Severity::Problem, None)], &setup))
}

impl Diagnosis {
    fn new(mut routes: Vec<Route>, found: Vec<Observation>, setup: &Setup) -> Self {
        let mut merged: Vec<(Cause, Severity, Vec<usize>)> = Vec::new();
        for (cause, severity, route) in found {
            match merged.iter_mut().find_map(|entry| entry.0.absorb(&cause).then_some(entry)) {
                Some((_, worst, about)) => {
                    *worst = severity.min(*worst);
                    about.extend(route);
                }
                None => merged.push((cause, severity, route.into_iter().collect())),
            }
        }
        // Stable: what is equally bad stays in the order of the routes.
        merged.sort_by_key(|(_, severity, _)| *severity);
        let findings: Vec<Finding> = merged
            .into_iter()
            .map(|(cause, severity, routes)| {
                let explanation = cause.explain(setup);
                Finding { cause, explanation, severity, routes }
            })
            .collect();
        for (number, finding) in findings.iter().enumerate() {
            for route in &finding.routes {
                routes[*route].findings.push(number);
            }
        }
        Self { verdict: verdict(&routes), routes, findings }
    }

    /// Whether calls fail because of something, be it that everything relays from here.
    pub fn has_problem(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Problem)
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
