//! S3: when credentials are refreshed.

use std::time::{Duration, Instant};

use matrix_sdk_turn::Timestamp;

use super::numbers::{AFTER_SUCCESS, ROUNDING, after, passed};

/// A refresh falls into this share of the TTL, counted from when the request was sent.
const EARLIEST: f64 = 2.0 / 3.0 - 0.05;
const LATEST: f64 = 2.0 / 3.0 + 0.05;
/// The first one after a start, or after failures, may come this early.
const EARLIEST_FIRST: f64 = 0.7 - 2.0 / 3.0;

/// While the TTL is not known, the delay doubles from request to request, from and to this.
const UNKNOWN_TTL_MIN: Duration = AFTER_SUCCESS;
const UNKNOWN_TTL_MAX: Duration = Duration::from_secs(60);

/// When the next refresh may be sent, and must be.
#[derive(Debug)]
pub(super) struct Refreshes {
    /// It is the first one after a start, or after failures.
    is_first: bool,
    unknown_ttl_delay: Duration,
    /// It may be sent this long after this moment. `None`: at any time.
    earliest: Option<(Timestamp, Duration)>,
}

impl Refreshes {
    pub(super) fn new() -> Self {
        Self { is_first: true, unknown_ttl_delay: UNKNOWN_TTL_MIN, earliest: None }
    }

    /// One or more requests failed before one succeeded.
    pub(super) fn recover(&mut self) {
        self.is_first = true;
    }

    /// Credentials were received, and how long they are valid was said. Returns by when the refresh
    /// must be sent.
    pub(super) fn plan(&mut self, sent: Timestamp, ttl: Duration) -> Instant {
        let is_first = std::mem::take(&mut self.is_first);
        let earliest = ttl.mul_f64(if is_first { EARLIEST_FIRST } else { EARLIEST });
        self.earliest = Some((sent, earliest));
        self.unknown_ttl_delay = UNKNOWN_TTL_MIN;
        after(sent.monotonic, ttl.mul_f64(LATEST))
    }

    /// Credentials were received, and how long they are valid was not said. Returns by when they
    /// must be asked for again.
    pub(super) fn plan_for_unknown_ttl(&mut self, received: Timestamp) -> Instant {
        let delay = self.unknown_ttl_delay;
        self.earliest = Some((received, delay));
        self.unknown_ttl_delay = (delay * 2).min(UNKNOWN_TTL_MAX);
        after(received.monotonic, delay)
    }

    /// Which moment was chosen for the refresh is known now. Returns whether it may be that early.
    pub(super) fn fix(&mut self, sent: Timestamp, span: Duration) -> bool {
        let earliest = self.earliest.replace((sent, span));
        earliest.is_none_or(|(_, earliest)| span + ROUNDING >= earliest)
    }

    /// An earlier process chose when to refresh.
    pub(super) fn restore(&mut self, now: Timestamp, until_refresh: Duration) {
        self.is_first = false;
        self.earliest = Some((now, until_refresh));
    }

    /// The credentials expired.
    pub(super) fn expire(&mut self) {
        self.earliest = None;
    }

    /// Whether it may be sent now.
    pub(super) fn may_be_sent(&self, now: Timestamp) -> bool {
        self.earliest.is_none_or(|(from, earliest)| passed(from, now) + ROUNDING >= earliest)
    }
}
