//! From the step that failed to its cause.

use std::net::{IpAddr, SocketAddr};

use matrix_sdk_turn::{IceTransport, TurnServer};

use super::{
    cause::{Cause, Severity},
    circumstances::Circumstances,
    rejection::rejection,
    route::{Route, RouteStatus},
};
use crate::{
    failure::{Failure, Text},
    step::{Step, StepKind},
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
        if let Some(cause) = private_relay(route) {
            return broken(cause);
        }
        let step = route.failed()?;
        let failure = step.failure()?;
        if let Failure::Redirected(to) = failure {
            let has_route = |to| {
                self.routes.iter().any(|other| other.uri == route.uri && other.address == Some(to))
            };
            return match to.filter(|to| has_route(*to)) {
                Some(_) => {
                    Some((RouteStatus::Redirected, Cause::Redirected { to: *to }, Severity::Note))
                }
                None => broken(Cause::Redirected { to: *to }),
            };
        }
        match self.cause(route, step, failure) {
            cause @ Cause::NoRoute { ipv6: true } => {
                Some((RouteStatus::Untested, cause, Severity::Note))
            }
            cause => broken(cause),
        }
    }

    fn cause(&self, route: &Route, step: &Step, failure: &Failure) -> Cause {
        match (step.kind, route.address) {
            (StepKind::Resolve, _) => Cause::UnknownName {
                host: route.uri.host().to_string(),
                why: Text::new(&failure.to_string()),
            },
            (StepKind::Connect | StepKind::Tls | StepKind::Binding, Some(address)) => {
                self.unreachable(route, address, failure)
            }
            (StepKind::Allocate | StepKind::SecondAllocate, Some(address)) => {
                self.no_relay(route, address, failure)
            }
            _ => self.not_relayed(route, step.kind, failure),
        }
    }

    /// The server is not reached, or is none.
    fn unreachable(&self, route: &Route, address: SocketAddr, failure: &Failure) -> Cause {
        let transport = transport_of(route);
        let is_network =
            matches!(failure, Failure::Refused | Failure::Timeout(_) | Failure::Closed);
        match failure {
            Failure::NoRoute => Cause::NoRoute { ipv6: address.is_ipv6() },
            _ if is_network && address.is_ipv6() && self.has_working_ipv4(route) => {
                Cause::Ipv6Dead { ip: address.ip() }
            }
            Failure::Refused => Cause::PortClosed { address, transport },
            Failure::Timeout(_) if transport == "UDP" && self.tcp_answers_at(address.ip()) => {
                Cause::UdpFiltered { port: address.port() }
            }
            Failure::Timeout(_) => Cause::Silent { address, transport },
            Failure::Certificate(fault) => {
                Cause::Certificate { host: route.uri.host().to_string(), fault: fault.clone() }
            }
            Failure::Tls(why) => Cause::TlsFails(why.clone()),
            other => self.other(other),
        }
    }

    /// The server is reached, and lends no relay.
    fn no_relay(&self, route: &Route, address: SocketAddr, failure: &Failure) -> Cause {
        match failure {
            // By then it has answered.
            Failure::Timeout(_) => Cause::Misbehaves(Text::new("it answers no Allocate request")),
            Failure::Refused => self.unreachable(route, address, failure),
            other => self.other(other),
        }
    }

    /// Relays are lent, and do not work.
    fn not_relayed(&self, route: &Route, kind: StepKind, failure: &Failure) -> Cause {
        let relay = route.relay();
        match (failure, kind, relay) {
            (Failure::Refusal { code: 403, .. }, _, Some(relay)) => {
                Cause::PeerDenied { ip: relay.ip() }
            }
            (Failure::Lost(_), StepKind::Direct, Some(relay)) => {
                Cause::RelayPortsFiltered { relay }
            }
            (Failure::Lost(_), _, Some(relay)) => Cause::RelayedDataLost { relay },
            _ => self.other(failure),
        }
    }

    /// What means the same wherever it happens.
    fn other(&self, failure: &Failure) -> Cause {
        match failure {
            failure if failure.is_rejection() => rejection(self.server, self.circumstances),
            Failure::Refusal { code: code @ (440 | 443), .. } => Cause::WrongFamily { code: *code },
            Failure::Refusal { code: 486, .. } => Cause::Quota,
            Failure::Refusal { code: 508, .. } => Cause::NoPorts,
            Failure::Refusal { code, reason } => {
                Cause::Refused { code: *code, reason: reason.clone() }
            }
            Failure::NotStun(stranger) => Cause::NotTurn(*stranger),
            Failure::Unsendable => Cause::Misconfigured(Text::new(&failure.to_string())),
            other => Cause::Misbehaves(Text::new(&other.to_string())),
        }
    }

    fn has_working_ipv4(&self, route: &Route) -> bool {
        self.routes.iter().any(|other| {
            other.uri == route.uri
                && other.address.is_some_and(|address| address.is_ipv4())
                && other.was_answered()
        })
    }

    fn tcp_answers_at(&self, ip: IpAddr) -> bool {
        self.routes.iter().any(|other| {
            other.uri.transport() == IceTransport::Tcp
                && other.address.is_some_and(|address| address.ip() == ip)
                && other.was_answered()
        })
    }
}

fn transport_of(route: &Route) -> &'static str {
    match route.uri.transport() {
        IceTransport::Udp => "UDP",
        IceTransport::Tcp => "TCP",
    }
}

/// That the relay has an address that nobody outside can reach, although the server is outside.
fn private_relay(route: &Route) -> Option<Cause> {
    let (relay, server) = (route.relay()?.ip(), route.address?.ip());
    (is_private(relay) && !is_private(server)).then_some(Cause::PrivateRelay { relay, server })
}

/// Whether only some can reach an address: those in its own network, or nobody but its own machine.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || is_shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}
