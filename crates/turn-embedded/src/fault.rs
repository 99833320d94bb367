//! What goes wrong at the embedded homeserver when it is asked for TURN credentials.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It refuses TURN to the account: 403
    Forbidden,
    /// It has no TURN server: 200 and an empty object, as Synapse answers
    NotConfigured,
    /// Before each answer, it asks for 3 s without requests: 429
    RateLimited,
    /// After each answer, it is down for 8 s: 503
    Outage,
    /// A proxy in front of it knows no such page: 404, in HTML
    ProxyPage,
    /// It answers something that means nothing: 200 and half an object
    Nonsense,
    /// It takes the request, and never answers
    Hanging,
}

/// What the homeserver answers instead of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Forbidden,
    NotConfigured,
    RateLimited { retry_after: Duration },
    Unavailable,
    ProxyPage,
    Nonsense,
    Hanging,
}

const RETRY_AFTER: Duration = Duration::from_secs(3);
const OUTAGE: Duration = Duration::from_secs(8);

/// A fault, and what state it is in.
#[derive(Debug)]
pub(crate) struct FaultState {
    fault: Option<Fault>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// The next request succeeds.
    Spared,
    /// The next request fails, and so do those that follow it for a while.
    Armed,
    FailingUntil(Instant),
}

impl FaultState {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        let phase = match fault {
            // An outage is interesting only to a client that has credentials already.
            Some(Fault::Outage) => Phase::Spared,
            _ => Phase::Armed,
        };
        Self { fault, phase }
    }

    /// What is wrong with the request that came in at `now`; `None` if nothing is.
    pub(crate) fn on_request(&mut self, now: Instant) -> Option<Failure> {
        match self.fault? {
            Fault::Forbidden => Some(Failure::Forbidden),
            Fault::NotConfigured => Some(Failure::NotConfigured),
            Fault::RateLimited => self
                .failing_for(RETRY_AFTER, now)
                .map(|retry_after| Failure::RateLimited { retry_after }),
            Fault::Outage => self.failing_for(OUTAGE, now).map(|_left| Failure::Unavailable),
            Fault::ProxyPage => Some(Failure::ProxyPage),
            Fault::Nonsense => Some(Failure::Nonsense),
            Fault::Hanging => Some(Failure::Hanging),
        }
    }

    /// How much is left of a failure that lasts for `span`; `None` if the request succeeds.
    fn failing_for(&mut self, span: Duration, now: Instant) -> Option<Duration> {
        let end = match self.phase {
            Phase::Spared => None,
            Phase::Armed => Some(now + span),
            Phase::FailingUntil(end) => (end > now).then_some(end),
        };
        self.phase = end.map_or(Phase::Armed, Phase::FailingUntil);
        end.map(|end| end - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_follows_each_success() {
        let mut state = FaultState::new(Some(Fault::Outage));
        let start = Instant::now();
        let succeeds = [0, 20, 24, 28, 50, 58]
            .map(|second| state.on_request(start + Duration::from_secs(second)).is_none());

        assert_eq!(succeeds, [true, false, false, true, false, true]);
    }

    #[test]
    fn what_has_no_end_goes_on() {
        let start = Instant::now();
        for (fault, failure) in [
            (Fault::Forbidden, Failure::Forbidden),
            (Fault::NotConfigured, Failure::NotConfigured),
            (Fault::ProxyPage, Failure::ProxyPage),
            (Fault::Nonsense, Failure::Nonsense),
            (Fault::Hanging, Failure::Hanging),
        ] {
            let mut state = FaultState::new(Some(fault));
            for second in [0, 60] {
                let asked = start + Duration::from_secs(second);
                assert_eq!(state.on_request(asked), Some(failure));
            }
        }
    }

    #[test]
    fn rate_limiting_ends_when_it_said_it_would() {
        let mut state = FaultState::new(Some(Fault::RateLimited));
        let start = Instant::now();

        assert_eq!(
            state.on_request(start),
            Some(Failure::RateLimited { retry_after: RETRY_AFTER })
        );
        assert_eq!(state.on_request(start + RETRY_AFTER), None);
    }
}
