//! S6, S8 and S11: what a client that has nothing to do sets its timer to.

use std::time::{Duration, Instant};

use matrix_sdk_turn::Timestamp;

use super::{
    super::run::{Violation, ensure},
    facts::Facts,
    numbers::after,
    spacing::Spacing,
};

const LONGEST_TIMER: Duration = Duration::from_secs(30);

/// Judges a timer.
pub(super) fn judge(
    facts: &Facts,
    spacing: &Spacing,
    now: Timestamp,
    timer: Option<Instant>,
) -> Result<(), Violation> {
    if facts.subscribers == 0 {
        return ensure(timer.is_none(), "S11: a timer while nobody subscribes");
    }
    let lifetime = facts.held.as_ref().and_then(|held| held.lifetime);
    let awaits_request = !facts.is_in_flight() && spacing.is_due();
    let Some(timer) = timer else {
        ensure(!awaits_request, "a request is due some day, and no timer is set")?;
        return ensure(lifetime.is_none(), "S6: credentials expire, and no timer is set");
    };
    ensure(timer <= now.monotonic + LONGEST_TIMER, "S8: a timer beyond 30 s")?;
    ensure(
        lifetime.is_none_or(|(sent, ttl)| timer <= after(sent.monotonic, ttl)),
        "S6: credentials expire before the timer goes off",
    )?;
    ensure(!awaits_request || spacing.is_in_time(facts, now), "a request is due, and was not sent")
}
