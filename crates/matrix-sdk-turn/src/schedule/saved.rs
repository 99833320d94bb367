//! Credentials that outlive the process: rule S14.

use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::{
    MAX_TTL,
    held::{Asked, Life},
    refreshes::EARLIEST_REFRESH,
};
use crate::{clock::Timestamp, credentials::TurnServer, policy::RefreshPolicy};

/// What is to be known of credentials after a restart. Of the two clocks, only the one on the wall
/// survives it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub struct Saved {
    /// The credentials.
    pub server: TurnServer,
    /// When they were asked for.
    pub asked: SystemTime,
    /// How long they hold from then on.
    pub ttl: Duration,
    /// When they were to be refreshed.
    pub refresh: SystemTime,
}

/// Why saved credentials are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Useless {
    /// They hold no longer.
    #[error("they have expired")]
    Expired,
    /// How old they are is not known.
    #[error("the clock stands before the moment they were asked for")]
    FromTheFuture,
}

impl Saved {
    /// What is left of their life at the moment `now`.
    pub(super) fn life(&self, policy: &RefreshPolicy, now: Timestamp) -> Result<Life, Useless> {
        let ttl = self.ttl.min(MAX_TTL);
        let age = now.wall.duration_since(self.asked).map_err(|_| Useless::FromTheFuture)?;
        if age >= ttl {
            return Err(Useless::Expired);
        }
        let asked = Asked::before(now, age);
        // An entry may be damaged, or of a version with another policy.
        let latest = ttl.mul_f64(policy.refresh_at + policy.jitter.max(EARLIEST_REFRESH));
        let refresh = self.refresh.duration_since(self.asked).unwrap_or_default().min(latest);
        Ok(Life { asked, ttl, refresh })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rng, Schedule, testing::*};
    use super::*;
    use crate::state::TurnState;

    const TTL: u64 = 1_000;

    /// What a process leaves behind that was handed credentials at this moment.
    fn saved() -> (Saved, Timestamp) {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(TTL));
        (schedule.saved().unwrap(), now)
    }

    /// Another process, which finds this when it is about to ask.
    fn restarted(saved: &Saved, now: Timestamp) -> (Schedule, Result<(), Useless>) {
        let mut schedule = Schedule::new(RefreshPolicy::default(), Rng::with_seed(2));
        schedule.subscribe(now);
        assert!(schedule.begin_request(now));
        let outcome = schedule.restored(now, saved);
        (schedule, outcome)
    }

    #[test]
    fn s14_a_restart_changes_neither_expiry_nor_the_next_request() {
        let (saved, asked) = saved();
        let due = saved.refresh.duration_since(asked.wall).unwrap().as_secs();
        for age in [0, due / 2, due - 1] {
            let now = later(asked, age);
            let (mut schedule, outcome) = restarted(&saved, now);
            assert_eq!(outcome, Ok(()));

            let server = schedule.take_update(now).unwrap().into_result().unwrap();
            assert_eq!(server.valid_for(now), Some(Duration::from_secs(TTL - age)));
            assert!(!schedule.is_asking(now), "without a request");
            let next = schedule.next_request_in(now).unwrap() + Duration::from_secs(age);
            assert_eq!(next.as_secs(), due, "not drawn again");
            assert_eq!(schedule.saved().as_ref(), Some(&saved));
        }
    }

    #[test]
    fn s14_what_is_due_is_asked_for_while_the_rest_of_the_life_is_served() {
        let (saved, asked) = saved();
        let now = later(asked, 800);
        let (mut schedule, outcome) = restarted(&saved, now);
        assert_eq!(outcome, Ok(()));
        assert!(schedule.take_update(now).unwrap().available().is_some());
        assert!(schedule.begin_request(now));
        schedule.answered(now, failed(crate::UnavailableReason::Unreachable));
        assert_eq!(schedule.take_update(now), None, "it is still valid");
        let expired = schedule.take_update(later(asked, TTL)).unwrap();
        assert!(matches!(expired, TurnState::Unavailable(_)));
    }

    #[test]
    fn s14_a_refresh_that_is_overdue_stays_due_when_it_was() {
        let (saved, asked) = saved();
        let (schedule, _) = restarted(&saved, later(asked, 800));
        assert_eq!(schedule.saved().as_ref(), Some(&saved), "there is nothing new to be saved");
        // The homeserver was not reached before the next restart, and the clock is set back.
        let now = later(asked, 790);
        let (mut schedule, _) = restarted(&schedule.saved().unwrap(), now);
        assert!(schedule.begin_request(now));
    }

    #[test]
    fn s14_the_floor_holds_across_a_restart() {
        let (saved, asked) = saved();
        let now = later(asked, 1);
        let (mut schedule, _) = restarted(&saved, now);
        schedule.refresh(now);
        assert!(!schedule.begin_request(now));
        schedule.refresh(later(now, 9));
        assert!(schedule.begin_request(later(now, 9)));
    }

    #[test]
    fn s14_what_has_expired_or_comes_from_the_future_is_of_no_use() {
        let (saved, asked) = saved();
        let set_back = Timestamp { wall: asked.wall - Duration::from_millis(1), ..asked };
        for (now, why) in
            [(later(asked, TTL), Useless::Expired), (set_back, Useless::FromTheFuture)]
        {
            let (mut schedule, outcome) = restarted(&saved, now);
            assert_eq!(outcome, Err(why));
            assert_eq!(schedule.take_update(now), None);
            assert!(schedule.in_flight().is_some(), "the request goes on");
        }
    }

    #[test]
    fn s14_what_is_rejected_or_of_unknown_life_is_not_kept() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(0));
        assert_eq!(schedule.saved(), None);

        let (saved, now) = saved();
        let (mut schedule, _) = restarted(&saved, now);
        schedule.report_rejected(now, &saved.server);
        assert_eq!(schedule.saved(), None);
    }

    #[test]
    fn s14_a_damaged_entry_neither_overflows_nor_puts_off_the_refresh() {
        let (saved, now) = saved();
        let damaged = Saved { ttl: Duration::MAX, refresh: now.wall + 1_000 * YEAR, ..saved };
        let (schedule, outcome) = restarted(&damaged, now);
        assert_eq!(outcome, Ok(()));
        assert!(schedule.next_request_in(now).unwrap() < MAX_TTL);
    }
}
