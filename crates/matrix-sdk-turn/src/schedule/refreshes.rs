//! When to ask again after a success: rules S3 and S13.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::jitter::uniform;
use crate::{
    clock::{Deadline, Timestamp},
    policy::RefreshPolicy,
};

/// From this share of the TTL on, the first refresh after a start falls uniformly into one period of
/// the steady state, so that clients that started in the same second ask evenly from then on.
pub(super) const EARLIEST_REFRESH: f64 = 0.7 - 2.0 / 3.0;

/// What the next refresh depends on besides the answer.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) struct Refreshes {
    /// The next refresh is the first one, which spreads the clients that started together.
    is_first: bool,
    /// How long to wait for the next request while the TTL is not known.
    unknown_ttl_delay: Duration,
}

impl Refreshes {
    pub(super) fn new(policy: &RefreshPolicy) -> Self {
        Self { is_first: true, unknown_ttl_delay: policy.floor }
    }

    /// An earlier process started these, and the first refresh was drawn by it.
    pub(super) fn continued(&mut self) {
        self.is_first = false;
    }

    /// When to refresh what was asked for at the moment `sent`, and before that in vain since
    /// `failing_since`.
    pub(super) fn next(
        &mut self,
        (policy, rng): (&RefreshPolicy, &mut Rng),
        now: Timestamp,
        (sent, ttl): (Timestamp, Duration),
        failing_since: Option<Instant>,
    ) -> Deadline {
        if ttl.is_zero() {
            let delay = self.unknown_ttl_delay;
            self.unknown_ttl_delay = delay.saturating_mul(2).min(policy.retry.max);
            return Deadline::after(now, delay);
        }
        self.unknown_ttl_delay = policy.floor;

        let RefreshPolicy { refresh_at, jitter, floor, .. } = *policy;
        let shares = |span: Duration| span.as_secs_f64() / ttl.as_secs_f64();
        let late = failing_since
            .map_or(Duration::ZERO, |since| sent.monotonic.saturating_duration_since(since));
        let usual = uniform(rng, refresh_at - jitter, refresh_at + jitter);
        let share = next_slot(usual, shares(late), refresh_at);
        let has_lost_its_slot = failing_since.is_some() && share < shares(floor);
        let share = if std::mem::take(&mut self.is_first) || has_lost_its_slot {
            let latest = EARLIEST_REFRESH + refresh_at;
            // Draws below the floor would all fall due at the floor, together.
            uniform(rng, EARLIEST_REFRESH.max(shares(floor)).min(latest), latest)
        } else {
            share
        };
        Deadline::after(sent, ttl.mul_f64(share))
    }
}

/// The share of the TTL at which to refresh what was asked for `late`, by another share of it: the
/// next slot that this client had before anything failed. Clients leave an outage together; their
/// slots keep them apart.
fn next_slot(share: f64, late: f64, period: f64) -> f64 {
    let due = share - late;
    let missed = ((EARLIEST_REFRESH - due) / period).ceil().max(0.0);
    due + missed * period
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s03_after_an_outage_a_client_asks_when_it_would_have_without() {
        let on_time = |late| next_slot(0.65, late, 2.0 / 3.0);
        assert_eq!(on_time(0.0), 0.65);
        assert!((on_time(0.25) - 0.4).abs() < 1e-9);
        // Its slot comes too soon: the one after.
        assert!((on_time(0.64) - (0.01 + 2.0 / 3.0)).abs() < 1e-9);
        let (earliest, latest) = (EARLIEST_REFRESH - 1e-9, 0.7 + 1e-9);
        for late in 0..100_000 {
            let share = on_time(f64::from(late) / 100.0);
            assert!((earliest..latest).contains(&share), "{late}: {share}");
        }
    }

    #[test]
    fn s03_a_client_whose_slot_lies_below_the_floor_draws_another_above_it() {
        let policy = RefreshPolicy::default();
        let now = Timestamp::now();
        let ttl = Duration::from_secs(60);
        let mut drawn_anew = 0;
        for seed in 0..200 {
            let mut rng = Rng::with_seed(seed);
            let mut refreshes = Refreshes { is_first: false, unknown_ttl_delay: policy.floor };
            // Failing for 36 s of the TTL of 60 s: the slot is 1 s to 7 s from now.
            let since = now.monotonic.checked_sub(Duration::from_secs(36));
            let due = refreshes.next((&policy, &mut rng), now, (now, ttl), since).remaining(now);
            assert!(due >= policy.floor, "{due:?}");
            drawn_anew += u32::from(due < Duration::from_secs(37));
        }
        assert!(drawn_anew > 100, "{drawn_anew} of 200 are spread over the period");
    }
}
