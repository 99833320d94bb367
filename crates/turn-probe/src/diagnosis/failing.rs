//! From the step that failed to its cause.

use std::net::{IpAddr, SocketAddr};

use matrix_sdk_turn::{IceTransport, TurnServer};

use super::{
    cause::{Cause, Place, QuotaUser},
    circumstances::Circumstances,
    finding::Severity,
    rejection::rejection,
    route::{Route, RouteStatus},
};
use crate::{
    address::is_private,
    failure::{Failure, Stranger, Text, Unreachable},
    step::{Found, Step, StepKind},
};

/// All that it takes to say why a route fails.
pub(super) struct Failing<'a> {
    pub(super) server: &'a TurnServer,
    pub(super) circumstances: &'a Circumstances,
    /// All routes: what fails on one is understood by what works on another.
    pub(super) routes: &'a [Route],
}

impl Failing<'_> {
    /// How a route ended, and why; `None` if it does not fail.
    pub(super) fn explain(&self, route: &Route) -> Option<(RouteStatus, Cause, Severity)> {
        let broken = |cause| Some((RouteStatus::Broken, cause, Severity::Problem));
        if let Some(cause) = wrong_addresses(route) {
            return broken(cause);
        }
        let step = route.failed()?;
        let failure = step.failure()?;
        let only_answers = route.step(StepKind::Direct).and_then(Step::found);
        if step.kind >= StepKind::Relay && only_answers == Some(&Found::OnlyAnswers) {
            // coturn gives up a relay that may not send. What failed before has another cause.
            return broken(Cause::OnlyAnswers);
        }
        if let Failure::Redirected(to) = failure {
            return Some(self.redirected(route, *to));
        }
        match self.cause(route, step, failure) {
            cause @ Cause::NoRoute { ipv6: true } => {
                Some((RouteStatus::Untested, cause, Severity::Note))
            }
            cause @ Cause::HeldBack(_) => Some((RouteStatus::Untested, cause, Severity::Warning)),
            // Peers in a private network need no relay to reach each other.
            cause @ Cause::OwnAddressDenied(ip) if is_private(ip) => {
                Some((RouteStatus::Works, cause, Severity::Note))
            }
            cause => broken(cause),
        }
    }

    fn redirected(&self, route: &Route, to: Option<SocketAddr>) -> (RouteStatus, Cause, Severity) {
        let is_tried = |address| {
            self.routes
                .iter()
                .find(|other| other.uri == route.uri && other.address == Some(address))
        };
        let next = to.and_then(is_tried);
        let leads_back = |next: &Route| {
            let failure = next.failed().and_then(Step::failure);
            matches!(failure, Some(Failure::Redirected(back)) if *back == route.address)
        };
        let in_circle = to.is_some() && to == route.address || next.is_some_and(leads_back);
        let cause = Cause::Redirected { to, in_circle };
        match next.is_some() && !in_circle {
            true => (RouteStatus::Redirected, cause, Severity::Note),
            false => (RouteStatus::Broken, cause, Severity::Problem),
        }
    }

    fn cause(&self, route: &Route, step: &Step, failure: &Failure) -> Cause {
        let host = || route.uri.host().to_string();
        match (step.kind, route.place(), failure) {
            (StepKind::Resolve, _, Failure::NoAddress(fault)) => {
                Cause::UnknownName { host: host(), fault: fault.clone() }
            }
            (StepKind::Resolve, _, _) => Cause::SlowName(host()),
            (StepKind::Connect | StepKind::Tls | StepKind::Binding, Some(place), _) => {
                self.unreachable(route, place, failure)
            }
            (StepKind::Allocate, Some(place), _) => self.no_relay(route, place, failure),
            (StepKind::SecondAllocate, _, Failure::Refusal { code: 508, .. }) => Cause::NoPorts,
            (StepKind::SecondAllocate, Some(place), Failure::Refused) => {
                self.unreachable(route, place, failure)
            }
            _ => self.not_relayed(route, step.kind, failure),
        }
    }

    /// The server is not reached, or is none.
    fn unreachable(&self, route: &Route, place: Place, failure: &Failure) -> Cause {
        let address = place.address;
        let sibling = self.sibling(route, address);
        let is_dead = matches!(
            failure,
            Failure::Refused | Failure::Timeout(_) | Failure::Closed | Failure::Unreachable(_)
        );
        match failure {
            Failure::NoRoute => Cause::NoRoute { ipv6: address.is_ipv6() },
            Failure::Unreachable(Unreachable::Prohibited) => Cause::Rejected(place.into()),
            _ if is_dead && address.is_ipv6() && self.has_working_ipv4(route) => {
                Cause::Ipv6Dead { ip: address.ip() }
            }
            Failure::Unreachable(why) => Cause::Unroutable { ip: address.ip(), why: *why },
            Failure::HeldBack => Cause::HeldBack(place.into()),
            Failure::OwnRouter => Cause::Hairpin(address),
            Failure::Refused => Cause::PortClosed { places: place.into(), sibling },
            Failure::Timeout(_) => self.silent(route, place),
            Failure::AnsweredFrom(from) => Cause::AnsweredFrom { asked: address, from: *from },
            Failure::Certificate(fault) => {
                Cause::Certificate { host: route.uri.host().to_string(), fault: fault.clone() }
            }
            Failure::Tls(why) => Cause::TlsFails(why.clone()),
            other => self.other(route, other),
        }
    }

    fn silent(&self, route: &Route, place: Place) -> Cause {
        let address = place.address;
        let is_udp = place.transport == IceTransport::Udp;
        if let Some(Failure::AnsweredFrom(from)) = route.failure_of(StepKind::Binding) {
            return Cause::AnsweredFrom { asked: address, from: *from };
        }
        let over_tcp = |other: &&Route| {
            other.address == Some(address) && other.uri.transport() == IceTransport::Tcp
        };
        if is_udp && self.routes.iter().filter(over_tcp).any(Route::speaks_stun) {
            return Cause::UdpFiltered { port: address.port() };
        }
        if self.is_behind_web_proxy(route) {
            return Cause::BehindWebProxy(route.uri.host().to_string());
        }
        Cause::Silent { places: place.into(), sibling: self.sibling(route, address) }
    }

    /// The server is reached, and lends no relay.
    fn no_relay(&self, route: &Route, place: Place, failure: &Failure) -> Cause {
        let binds = route.step(StepKind::Binding).is_some_and(|step| step.found().is_some());
        // The same port may answer Binding over UDP, and hang up over TCP.
        let is_alive = binds || self.lends_nothing(place.address);
        match failure {
            Failure::Timeout(_) if is_alive => Cause::OnlyStun,
            Failure::NotStun(Stranger::Mute | Stranger::HangsUp) if is_alive => Cause::OnlyStun,
            // "Method Not Allowed": eturnal without TURN.
            Failure::Refusal { code: 405, .. } => Cause::OnlyStun,
            Failure::Refusal { code: 508, .. } if self.lends_elsewhere(route) => Cause::NoPorts,
            Failure::Refusal { code: 508, .. } => Cause::NoRelayAddress,
            Failure::Refusal { code: 486, reason } => Cause::Quota(self.quota_user(route, reason)),
            Failure::Timeout(_)
            | Failure::Refused
            | Failure::NoRoute
            | Failure::Unreachable(_)
            | Failure::HeldBack
            | Failure::OwnRouter
            | Failure::Tls(_) => self.unreachable(route, place, failure),
            other => self.other(route, other),
        }
    }

    /// Whether the same port answers Binding requests over another transport, and lends no relays there.
    fn lends_nothing(&self, address: SocketAddr) -> bool {
        self.routes.iter().filter(|other| other.address == Some(address)).any(|other| {
            let binds = other.step(StepKind::Binding).is_some_and(|step| step.found().is_some());
            binds && matches!(other.failure_of(StepKind::Allocate), Some(Failure::Timeout(_)))
        })
    }

    fn quota_user(&self, route: &Route, reason: &Text) -> QuotaUser {
        if reason.as_str().to_lowercase().contains("bandwidth") {
            QuotaUser::Bandwidth
        } else if self.lends_elsewhere(route) {
            QuotaUser::Ours
        } else {
            QuotaUser::Others
        }
    }

    /// Whether the same machine lends relays by another route, or by this one.
    fn lends_elsewhere(&self, route: &Route) -> bool {
        let ip = |route: &Route| route.address.map(|address| address.ip());
        self.routes.iter().any(|other| ip(other) == ip(route) && other.relay().is_some())
    }

    /// Relays are lent, and do not work.
    fn not_relayed(&self, route: &Route, kind: StepKind, failure: &Failure) -> Cause {
        let (relay, address) = match (route.relay(), route.address) {
            (Some(relay), Some(address)) => (relay, address),
            _ => return self.other(route, failure),
        };
        let is_elsewhere = relay.ip() != address.ip();
        let elsewhere = Cause::RelayElsewhere { relay: relay.ip(), server: address.ip() };
        match (failure, kind) {
            (Failure::Refusal { code: 401 | 441, .. }, _) => Cause::RejectedLater,
            (failure, StepKind::SecondAllocate) if failure.is_rejection() => Cause::RejectedLater,
            // The credentials were accepted already, so that it means what it says: Bad Request.
            (Failure::Refusal { code: code @ 400, reason }, _) => {
                Cause::Refused { code: *code, reason: reason.clone() }
            }
            (Failure::Refusal { code: 403, .. }, StepKind::Direct) => {
                Cause::OwnAddressDenied(peer_address(route).unwrap_or(relay.ip()))
            }
            (Failure::Refusal { code: 403, .. }, _) => {
                Cause::PeerDenied { ip: relay.ip(), server: address.ip() }
            }
            (failure, StepKind::Relay | StepKind::Direct) if is_elsewhere && is_lost(failure) => {
                elsewhere
            }
            (failure, StepKind::Direct) if is_lost(failure) => Cause::RelayPortsFiltered { relay },
            (failure, StepKind::Relay) if is_lost(failure) => {
                let is_reached_from_outside =
                    route.step(StepKind::Direct).is_some_and(|step| step.found().is_some());
                Cause::RelayedDataLost { relay, is_reached_from_outside }
            }
            (Failure::Timeout(_), _) => fell_silent(route),
            _ => self.other(route, failure),
        }
    }

    /// What means the same wherever it happens.
    fn other(&self, route: &Route, failure: &Failure) -> Cause {
        match failure {
            failure if failure.is_rejection() => rejection(self.server, self.circumstances),
            Failure::Refusal { code: code @ (440 | 443), .. } => Cause::WrongFamily { code: *code },
            Failure::Refusal { code: 486, reason } => Cause::Quota(self.quota_user(route, reason)),
            Failure::Refusal { code, reason } => {
                Cause::Refused { code: *code, reason: reason.clone() }
            }
            Failure::NotStun(Stranger::Http) if self.is_behind_web_proxy(route) => {
                Cause::BehindWebProxy(route.uri.host().to_string())
            }
            Failure::NotStun(stranger) => match route.place() {
                Some(place) => Cause::NotTurn {
                    places: place.into(),
                    stranger: *stranger,
                    sibling: self.sibling(route, place.address),
                },
                None => Cause::Misbehaves(Text::new(&failure.to_string())),
            },
            Failure::ClientCertificate => Cause::ClientCertificate,
            Failure::FellSilent(_) => fell_silent(route),
            Failure::NoChallenge(lacking) => Cause::NoChallenge(lacking),
            Failure::UnsupportedAlgorithm => Cause::UnsupportedAlgorithm,
            Failure::WrongTransaction => Cause::WrongTransaction,
            Failure::WrongFingerprint => Cause::WrongFingerprint,
            Failure::BadSignature => Cause::WrongSignature,
            Failure::Unsendable => Cause::Misconfigured(Text::new(&failure.to_string())),
            other => Cause::Misbehaves(Text::new(&other.to_string())),
        }
    }

    fn has_working_ipv4(&self, route: &Route) -> bool {
        self.routes.iter().any(|other| {
            other.uri == route.uri
                && other.address.is_some_and(|address| address.is_ipv4())
                && other.speaks_stun()
        })
    }

    /// Where else the machine speaks TURN: at the same port by preference.
    fn sibling(&self, route: &Route, address: SocketAddr) -> Option<Place> {
        let places = self
            .routes
            .iter()
            .filter(|other| other.uri != route.uri && other.speaks_stun())
            .filter_map(Route::place)
            .filter(|place| place.address.ip() == address.ip());
        places.min_by_key(|place| place.address.port() != address.port())
    }

    /// Whether the host has a web server where TURN should be, drops the rest, and speaks TURN nowhere.
    fn is_behind_web_proxy(&self, route: &Route) -> bool {
        let same_host = || self.routes.iter().filter(|other| other.uri.host() == route.uri.host());
        let fails = |is_kind: fn(&Failure) -> bool| {
            same_host().any(|other| other.failed().and_then(Step::failure).is_some_and(is_kind))
        };
        fails(|failure| matches!(failure, Failure::NotStun(Stranger::Http)))
            && fails(|failure| matches!(failure, Failure::Timeout(_)))
            && !same_host().any(Route::speaks_stun)
    }
}

/// coturn answers nothing while it tries the ports of an address that its machine does not have.
fn fell_silent(route: &Route) -> Cause {
    Cause::FellSilent { is_busy: route.failure_of(StepKind::Binding).is_some() }
}

/// Whether data does not arrive. With a short time limit, the step ends before the data is given up.
fn is_lost(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Lost(_)
            | Failure::Timeout(_)
            | Failure::NoRoute
            | Failure::Unreachable(_)
            | Failure::Refused
    )
}

/// The address that a relay is to send to, to reach this machine: see `Outsider`.
fn peer_address(route: &Route) -> Option<IpAddr> {
    let relayed = route.relayed()?;
    let mapped = relayed.mapped.map(|mapped| mapped.ip());
    match relayed.local {
        Some(local) if !is_private(local) => Some(local),
        _ => mapped,
    }
}

/// That addresses contradict each other, whatever else happened.
fn wrong_addresses(route: &Route) -> Option<Cause> {
    let relayed = route.relayed()?;
    let (relay, server) = (relayed.address.ip(), route.address?.ip());
    if is_private(relay) && !is_private(server) {
        return Some(Cause::PrivateRelay { relay, server });
    }
    let (seen, local) = (relayed.mapped?.ip(), relayed.local?);
    let is_hidden =
        is_private(seen) && !is_private(local) && !is_private(server) && local != server;
    is_hidden.then_some(Cause::SourceNat { seen, local, is_near: false })
}

/// That the server sees this machine at a private address that is not its own. On the server's own machine
/// (a bridge of containers between the two, for one) it tells nothing about other machines.
pub(super) fn doubtful_addresses(route: &Route) -> Option<Cause> {
    let relayed = route.relayed()?;
    let (seen, local, server) = (relayed.mapped?.ip(), relayed.local?, route.address?.ip());
    let is_near = is_private(local) || local == server;
    let is_doubtful = seen != local && is_private(seen) && is_near && !is_private(server);
    is_doubtful.then_some(Cause::SourceNat { seen, local, is_near: true })
}
