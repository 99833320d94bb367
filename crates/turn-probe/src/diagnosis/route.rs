//! The steps of each URI at each of its addresses.

use std::net::SocketAddr;

use matrix_sdk_turn::{IceUri, TurnServer};

use super::cause::Place;
use crate::{
    failure::Failure,
    step::{Found, Outcome, Relayed, Skipped, Step, StepKind},
};

/// One URI at one of its addresses, or a URI that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The URI.
    pub uri: IceUri,
    /// The address; `None` if the name did not resolve, or was not tried.
    pub address: Option<SocketAddr>,
    /// What was tried with it, in order.
    pub steps: Vec<Step>,
    /// How it ended.
    pub status: RouteStatus,
    /// The findings about it, as indices into [`Diagnosis::findings`](crate::Diagnosis::findings).
    pub findings: Vec<usize>,
}

/// How a [`Route`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteStatus {
    /// It works: it relays, or for a STUN server it answers.
    Works,
    /// It does not.
    Broken,
    /// It led to another server, which has a route of its own.
    Redirected,
    /// It is not known: this machine cannot try it.
    Untested,
}

impl RouteStatus {
    /// A stable name, for files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Broken => "broken",
            Self::Redirected => "redirected",
            Self::Untested => "untested",
        }
    }
}

impl Route {
    /// Whether calls can go this way.
    pub fn relays(&self) -> bool {
        self.uri.is_turn() && self.status == RouteStatus::Works
    }

    /// The step of a kind, if it was taken.
    pub fn step(&self, kind: StepKind) -> Option<&Step> {
        self.steps.iter().find(|step| step.kind == kind)
    }

    /// The failure of a step of a kind.
    pub(super) fn failure_of(&self, kind: StepKind) -> Option<&Failure> {
        self.step(kind)?.failure()
    }

    /// The first step that failed, of those that relaying depends on: with Allocate, Binding decides nothing.
    pub fn failed(&self) -> Option<&Step> {
        let allocated = self.step(StepKind::Allocate).is_some();
        self.steps
            .iter()
            .find(|step| step.failure().is_some() && !(step.kind == StepKind::Binding && allocated))
    }

    /// The relay that was lent.
    pub fn relay(&self) -> Option<SocketAddr> {
        Some(self.relayed()?.address)
    }

    pub(super) fn relayed(&self) -> Option<&Relayed> {
        match self.step(StepKind::Allocate)?.found()? {
            Found::Relayed(relayed) => Some(relayed),
            _ => None,
        }
    }

    /// Where it leads.
    pub(super) fn place(&self) -> Option<Place> {
        let place = Place::new(self.address?, self.uri.transport());
        Some(Place { is_tls: self.uri.is_tls(), ..place })
    }

    /// Whether a STUN server answered.
    pub(super) fn speaks_stun(&self) -> bool {
        let decides = [StepKind::Binding, StepKind::Allocate];
        self.steps
            .iter()
            .filter(|step| decides.contains(&step.kind))
            .any(|step| step.found().is_some() || step.failure().is_some_and(Failure::is_an_answer))
    }

    fn first_status(&self) -> RouteStatus {
        let is_untested = |step: &Step| match step.outcome {
            Outcome::Skipped(Skipped::Dtls) => true,
            Outcome::Skipped(Skipped::OutOfTime) => step.kind <= StepKind::Relay,
            _ => false,
        };
        match self.steps.iter().any(is_untested) {
            true => RouteStatus::Untested,
            false => RouteStatus::Works,
        }
    }
}

/// The routes, in the order of the URIs and, of each, of its addresses. Steps of URIs that `server` does
/// not have are left out.
pub(super) fn routes(server: &TurnServer, steps: &[Step]) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut uris: Vec<IceUri> = Vec::new();
    for uri in server.ice_uris() {
        if !uris.contains(&uri) {
            uris.push(uri);
        }
    }
    for uri in uris {
        let is_tried = |step: &&Step| step.outcome != Outcome::Skipped(Skipped::TooMany);
        let of_uri = || steps.iter().filter(|step| step.uri == uri).filter(is_tried);
        let mut addresses: Vec<Option<SocketAddr>> = Vec::new();
        for step in
            of_uri().filter(|step| step.kind != StepKind::Resolve || step.failure().is_some())
        {
            if !addresses.contains(&step.address) {
                addresses.push(step.address);
            }
        }
        routes.extend(addresses.into_iter().map(|address| {
            let steps = of_uri()
                .filter(|step| step.kind == StepKind::Resolve || step.address == address)
                .cloned()
                .collect();
            let (uri, status) = (uri.clone(), RouteStatus::Works);
            let route = Route { uri, address, steps, status, findings: vec![] };
            Route { status: route.first_status(), ..route }
        }));
    }
    routes
}
