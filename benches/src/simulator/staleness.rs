//! How long a subscriber is without credentials, and whether there are some in the end.

use std::time::Duration;

use super::{
    homeserver::ReplyKind,
    run::{Violation, ensure},
    script::{Outage, Script},
};

/// The share of the TTL that can be counted on when an outage begins.
const LEFT_AT_WORST: f64 = 0.28;

/// The longest delay between two requests without valid credentials.
const RETRY_MAX_EXPIRED: Duration = Duration::from_secs(10);

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
    pub(super) fn measure(&mut self, has_credentials: bool, is_subscribed: bool, now: Duration) {
        let since = self.without_since.take();
        self.stale += since.map_or(Duration::ZERO, |since| now - since);
        self.had_credentials |= has_credentials;
        if is_subscribed && self.had_credentials && !has_credentials {
            self.without_since = Some(now);
        }
    }

    /// The script is over.
    pub(super) fn judge(
        &self,
        has_credentials: bool,
        last_answer: Option<ReplyKind>,
    ) -> Result<(), Violation> {
        if let Some(most) = self.most.filter(|most| self.stale > *most) {
            return Err(format!("stale for {:?}, where {most:?} are inevitable", self.stale));
        }
        let is_silenced = matches!(
            last_answer,
            Some(ReplyKind::Forbidden | ReplyKind::LoggedOut | ReplyKind::RateLimited(_))
        );
        ensure(
            !self.ends_well || is_silenced || has_credentials,
            "a subscriber to a healthy homeserver ends up with nothing",
        )
    }
}
