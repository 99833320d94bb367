//! The credentials that are held, for as long as they are valid: rules S2 and S6.

use std::time::Duration;

use crate::{
    clock::{Deadline, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
};

/// Credentials, and when they were asked for. Their expiry is [`TurnServer`]'s to know.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) server: TurnServer,
    sent: Timestamp,
    /// Zero: not known.
    ttl: Duration,
    /// A TURN server did not accept them.
    pub(super) is_rejected: bool,
}

impl Held {
    /// What the homeserver answered to the request of the moment `sent`.
    pub(super) fn new(server: &TurnServer, sent: Timestamp, ttl: Duration) -> Self {
        let server = server.expiring(expiry(sent, ttl));
        Self { server, sent, ttl, is_rejected: false }
    }

    /// The homeserver answered the same credentials again. A rejection of them stands.
    pub(super) fn extend(&mut self, sent: Timestamp, ttl: Duration) {
        self.server.extend(expiry(sent, ttl));
        (self.sent, self.ttl) = (sent, ttl);
    }

    /// Whether they are as good as any: valid, not rejected, and no older than the steady state
    /// lets credentials become.
    pub(super) fn is_fresh(&self, policy: &RefreshPolicy, now: Timestamp) -> bool {
        let oldest = match self.ttl {
            Duration::ZERO => policy.retry.max,
            ttl => ttl.mul_f64(policy.refresh_at + policy.jitter),
        };
        self.is_usable(now) && !Deadline::after(self.sent, oldest).is_reached(now)
    }

    /// Whether they are valid, and no TURN server said otherwise.
    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        !self.server.is_expired(now) && !self.is_rejected
    }
}

fn expiry(sent: Timestamp, ttl: Duration) -> Option<Deadline> {
    (!ttl.is_zero()).then(|| Deadline::after(sent, ttl))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::state::TurnState;

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
}
