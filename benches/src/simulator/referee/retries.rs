//! S4: how often a request that failed is sent again.

use std::time::{Duration, Instant};

use super::{
    super::run::{Violation, ensure},
    numbers::{RETRY_MAX, RETRY_MAX_EXPIRED, RETRY_MIN},
};

/// So many requests in a row may fail within no time at all, and so many more per second: twice as
/// many as full jitter under a ceiling of 10 s sends in the mean, so chance does not explain more.
const AT_ONCE: f64 = 12.0;
const PER_SECOND: f64 = 0.4;

/// Transient failures in a row.
#[derive(Debug, Default)]
pub(super) struct Retries {
    failures: u32,
    since: Option<Instant>,
    /// How many of them something other than the schedule may have caused.
    excused: u32,
}

impl Retries {
    /// One more request failed. Returns the longest delay that may follow it.
    pub(super) fn fail(&mut self, now: Instant, has_credentials: bool) -> Duration {
        let doubled = RETRY_MIN.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures += 1;
        self.since.get_or_insert(now);
        doubled.min(if has_credentials { RETRY_MAX } else { RETRY_MAX_EXPIRED })
    }

    pub(super) fn is_any(&self) -> bool {
        self.failures > 0
    }

    /// The app, a sleep or a clock that was set may cause one more request.
    pub(super) fn excuse_one(&mut self) {
        self.excused += 1;
    }

    /// Whether one more may be sent now.
    pub(super) fn judge(&self, now: Instant) -> Result<(), Violation> {
        let since = self.since.unwrap_or(now);
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        let most = PER_SECOND.mul_add(seconds, AT_ONCE) + f64::from(self.excused);
        ensure(f64::from(self.failures) <= most, "S4: more retries than full jitter")
    }
}
