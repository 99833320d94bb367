//! The credentials that are held, for as long as they are valid: rules S2 and S6.

use std::time::{Duration, SystemTime};

use super::saved::Saved;
use crate::{
    clock::{Deadline, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
};

/// Credentials, and what is known of their life. Their expiry is [`TurnServer`]'s to know.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) struct Held {
    pub(super) server: TurnServer,
    life: Life,
    /// A TURN server did not accept them, and the homeserver has not handed them out again since.
    pub(super) is_rejected: bool,
}

/// From when on credentials hold, for how long, and when they are to be refreshed.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Life {
    pub(super) asked: Asked,
    /// Zero: not known.
    pub(super) ttl: Duration,
    /// How long after they were asked for they are to be refreshed.
    pub(super) refresh: Duration,
}

/// When credentials were asked for. After a restart the monotonic clock may have no name for that
/// moment, so it is counted back from one that it has.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Asked {
    seen: Timestamp,
    age: Duration,
}

impl Asked {
    pub(super) fn at(sent: Timestamp) -> Self {
        Self { seen: sent, age: Duration::ZERO }
    }

    /// As long as `age` before `seen`.
    pub(super) fn before(seen: Timestamp, age: Duration) -> Self {
        Self { seen, age }
    }

    /// The moment `span` later, or the one it is counted back from, if that is later still.
    pub(super) fn deadline(&self, span: Duration) -> Deadline {
        Deadline::after(self.seen, span.saturating_sub(self.age))
    }

    fn wall(&self) -> SystemTime {
        self.seen.wall.checked_sub(self.age).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl Life {
    fn expiry(&self) -> Option<Deadline> {
        (!self.ttl.is_zero()).then(|| self.asked.deadline(self.ttl))
    }
}

impl Held {
    pub(super) fn new(server: &TurnServer, life: Life) -> Self {
        Self { server: server.expiring(life.expiry()), life, is_rejected: false }
    }

    /// The homeserver answered the same credentials again, which lifts a rejection.
    pub(super) fn extend(&mut self, life: Life) {
        self.server.extend(life.expiry());
        self.life = life;
        self.is_rejected = false;
    }

    /// Whether they are as good as any: valid, not rejected, and no older than the steady state
    /// lets credentials become.
    pub(super) fn is_fresh(&self, policy: &RefreshPolicy, now: Timestamp) -> bool {
        let oldest = match self.life.ttl {
            Duration::ZERO => policy.retry.max,
            ttl => ttl.mul_f64(policy.refresh_at + policy.jitter),
        };
        self.is_usable(now) && !self.life.asked.deadline(oldest).is_reached(now)
    }

    /// Whether they are valid, and not rejected.
    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        !self.server.is_expired(now) && !self.is_rejected
    }

    /// What is worth keeping beyond the process: what is not rejected, and known to hold for how long.
    pub(super) fn saved(&self) -> Option<Saved> {
        let Life { asked, ttl, refresh } = self.life;
        let wall = asked.wall();
        (!self.is_rejected && !ttl.is_zero()).then(|| Saved {
            server: self.server.clone(),
            asked: wall,
            ttl,
            refresh: wall.checked_add(refresh).unwrap_or(wall),
        })
    }
}

/// Credentials as they are once time has passed.
#[cfg(test)]
mod explored {
    use super::Held;
    use crate::clock::aging::Passed;

    impl Held {
        pub(in super::super) fn age(&mut self, by: Passed) {
            self.server = self.server.aged(by);
            self.life.asked.seen = self.life.asked.seen.aged(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Schedule, testing::*};
    use crate::{state::TurnState, unavailable::UnavailableReason};

    #[test]
    fn s06_one_more_subscriber_does_not_keep_the_others_from_learning_of_an_expiry() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(60));
        schedule.take_update(now);

        let woken = later(now, 3_600);
        schedule.subscribe(woken);
        assert!(matches!(schedule.take_update(woken), Some(TurnState::Unavailable(_))));
    }

    #[test]
    fn s02_what_is_rejected_or_nearly_over_is_not_fresh() {
        let (mut schedule, now) = subscribed();
        assert!(!schedule.is_fresh(now));
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(1_000));
        assert!(schedule.is_fresh(later(now, 700)));
        assert!(!schedule.is_fresh(later(now, 720)));

        let Some(TurnState::Available(server)) = schedule.take_update(now) else { panic!() };
        schedule.report_rejected(now, &server);
        assert!(!schedule.is_fresh(now));
    }

    #[test]
    fn s10_a_rejection_holds_until_the_homeserver_answers_with_credentials() {
        let reason = |schedule: &Schedule| schedule.rejection().map(|why| why.reason());
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(1_000));
        let Some(TurnState::Available(server)) = schedule.take_update(now) else { panic!() };
        assert_eq!(reason(&schedule), None);

        schedule.report_rejected(now, &server);
        assert_eq!(reason(&schedule), Some(UnavailableReason::Rejected));
        assert!(schedule.begin_request(now));
        schedule.answered(now, failed(UnavailableReason::Unreachable));
        assert_eq!(reason(&schedule), Some(UnavailableReason::Unreachable));
        assert_eq!(schedule.take_update(now), None, "streams keep the credentials");

        let later = later(now, 60);
        assert!(schedule.begin_request(later));
        schedule.answered(later, credentials(1_000));
        assert_eq!(reason(&schedule), None, "the same credentials lift it too");
        assert!(schedule.is_fresh(later) && schedule.saved().is_some());
    }
}
