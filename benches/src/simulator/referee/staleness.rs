//! How long a subscriber is without credentials, and whether there are some in the end.

use std::time::Duration;

use super::{
    super::{
        homeserver::ReplyKind,
        run::{Violation, ensure},
        script::{Outage, Script},
    },
    facts::Facts,
    numbers::RETRY_MAX_EXPIRED,
};

/// The share of the TTL that can be counted on when an outage begins.
const LEFT_AT_WORST: f64 = 0.28;

/// Measures the time without credentials, and judges it at the end. In true time.
#[derive(Debug)]
pub(super) struct Staleness {
    /// How long a script of one outage makes inevitable.
    most: Option<Duration>,
    ends_well: bool,
    had_credentials: bool,
    without_since: Option<Duration>,
    /// How long a subscriber was without, before that.
    stale: Duration,
}

impl Staleness {
    pub(super) fn new(script: &Script) -> Self {
        let left_at_worst = script.phases[0].ttl.mul_f64(LEFT_AT_WORST);
        let most = script.outage.map(|Outage { length, latency }| {
            // The last request to fail may have been sent when the outage was all but over.
            length.saturating_sub(left_at_worst) + RETRY_MAX_EXPIRED + latency
        });
        Self {
            most,
            ends_well: script.ends_well,
            had_credentials: false,
            without_since: None,
            stale: Duration::ZERO,
        }
    }

    /// Counts the time up to now, and notes how it goes on.
    pub(super) fn measure(&mut self, facts: &Facts, elapsed: Duration) {
        let since = self.without_since.take();
        self.stale += since.map_or(Duration::ZERO, |since| elapsed - since);
        self.had_credentials |= facts.held.is_some();
        if facts.subscribers > 0 && self.had_credentials && facts.held.is_none() {
            self.without_since = Some(elapsed);
        }
    }

    /// The script is over.
    pub(super) fn judge(&self, facts: &Facts) -> Result<(), Violation> {
        if let Some(most) = self.most.filter(|most| self.stale > *most) {
            return Err(format!("stale for {:?}, where {most:?} are inevitable", self.stale));
        }
        let is_silenced = matches!(
            facts.last_kind(),
            Some(ReplyKind::Forbidden | ReplyKind::LoggedOut | ReplyKind::RateLimited(_))
        );
        ensure(
            !self.ends_well || is_silenced || facts.held.is_some(),
            "a subscriber to a healthy homeserver ends up with nothing",
        )
    }
}
