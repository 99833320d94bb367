//! The numbers in the rules, restated, and the arithmetic of moments.

use std::time::{Duration, Instant};

use matrix_sdk_turn::Timestamp;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// S3: from a success to the next request.
pub(super) const AFTER_SUCCESS: Duration = Duration::from_secs(10);
/// S9: from a request that failed to the one that `refresh()` asks for.
pub(super) const AFTER_FAILURE: Duration = SECOND;
/// S10: from one request that `report_rejected()` asks for to the next.
pub(super) const BETWEEN_REJECTIONS: Duration = Duration::from_secs(10);

/// S4: the longest delay after the first failure, after any while credentials are valid, and after
/// any while there are none.
pub(super) const RETRY_MIN: Duration = SECOND;
pub(super) const RETRY_MAX: Duration = Duration::from_secs(60);
pub(super) const RETRY_MAX_EXPIRED: Duration = Duration::from_secs(10);

/// What rounding a share of a TTL may cost.
pub(super) const ROUNDING: Duration = Duration::from_millis(1);

/// How long ago `then` was, by the clock that says more.
pub(super) fn passed(then: Timestamp, now: Timestamp) -> Duration {
    let monotonic = now.monotonic.saturating_duration_since(then.monotonic);
    monotonic.max(now.wall.duration_since(then.wall).unwrap_or(Duration::ZERO))
}

/// `start + span`, or a century later if that is beyond what the clock can tell.
pub(super) fn after(start: Instant, span: Duration) -> Instant {
    start + span.min(CENTURY)
}
