//! What a request that failed means for the next one: rules S4, S5 and S7.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::{requests::Due, uniform};
use crate::{
    clock::{self, Deadline, Timestamp},
    policy::RefreshPolicy,
    unavailable::{Unavailable, UnavailableReason},
};

/// The share by which the hourly question to a homeserver without TURN is early or late.
const NOT_CONFIGURED_JITTER: f64 = 0.1;

/// The longest that a `retry_after` is kept to. Whoever means to be left alone for longer says so
/// once an hour; whoever names a hundred years made a mistake, which must not last as long.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The last request failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) why: Unavailable,
    /// Only of transient failures: the homeserver has not spoken since.
    streak: Option<Streak>,
}

/// Transient failures in a row.
#[derive(Clone, Copy, Debug)]
struct Streak {
    count: u32,
    /// When the first of them was sent.
    since: Instant,
}

/// A failure that is no part of a streak.
impl From<Unavailable> for Failure {
    fn from(why: Unavailable) -> Self {
        Self { why, streak: None }
    }
}

impl Failure {
    /// The request of the moment `sent` failed, perhaps not as the first one.
    pub(super) fn new(previous: Option<&Self>, why: Unavailable, sent: Timestamp) -> Self {
        use UnavailableReason::{Expired, RateLimited, Unreachable};

        let before = previous.and_then(|previous| previous.streak);
        let streak = matches!(why.reason(), RateLimited | Unreachable | Expired).then(|| Streak {
            count: before.map_or(0, |streak| streak.count).saturating_add(1),
            since: before.map_or(sent.monotonic, |streak| streak.since),
        });
        Self { why, streak }
    }

    /// When the first request was sent of those that failed since anybody answered.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.streak.map(|streak| streak.since)
    }

    /// When to ask again after it, at the moment `now` of the answer to a request of the moment
    /// `sent`.
    pub(super) fn next_request(
        &self,
        (policy, rng): (&RefreshPolicy, &mut Rng),
        now: Timestamp,
        sent: Timestamp,
        has_credentials: bool,
    ) -> Due {
        use UnavailableReason::{
            Expired, Forbidden, LoggedOut, Misconfigured, NotConfigured, NotLoggedIn, RateLimited,
            SoftLoggedOut, Unreachable,
        };

        match self.why.reason() {
            Unreachable | Expired => {
                // A request that hung until it timed out was part of the wait.
                let waited = now.monotonic.saturating_duration_since(sent.monotonic);
                let least = policy.retry.min.mul_f64(uniform(rng, 0.0, 1.0));
                let delay = self.retry_delay(policy, rng, has_credentials);
                Due::At(Deadline::after(now, delay.saturating_sub(waited).max(least)))
            }
            RateLimited => {
                // Jitter beyond `retry_after`, or all clients return at once.
                let delay = self.retry_delay(policy, rng, has_credentials);
                let asked = self.why.retry_after().unwrap_or(policy.retry.max).min(MAX_RETRY_AFTER);
                Due::NotBefore(clock::later(now.monotonic, asked.saturating_add(delay)))
            }
            NotConfigured | Misconfigured => {
                let (low, high) = (1.0 - NOT_CONFIGURED_JITTER, 1.0 + NOT_CONFIGURED_JITTER);
                let interval = policy.not_configured_interval.mul_f64(uniform(rng, low, high));
                Due::At(Deadline::after(now, interval))
            }
            Forbidden => Due::ForSubscriberAfter(Deadline::after(now, policy.forbidden_interval)),
            // The source knows without asking anybody whether that has changed.
            NotLoggedIn | SoftLoggedOut => {
                Due::ForSubscriberAfter(Deadline::after(now, Duration::ZERO))
            }
            LoggedOut => Due::Never,
        }
    }

    /// Full jitter under a ceiling that doubles with every failure in a row.
    fn retry_delay(
        &self,
        policy: &RefreshPolicy,
        rng: &mut Rng,
        has_credentials: bool,
    ) -> Duration {
        let doublings = self.streak.map_or(0, |streak| streak.count - 1);
        let ceiling = policy
            .retry
            .min
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(if has_credentials { policy.retry.max } else { policy.retry.max_expired });
        ceiling.mul_f64(uniform(rng, 0.0, 1.0))
    }
}
