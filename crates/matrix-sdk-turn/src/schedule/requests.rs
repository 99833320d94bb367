//! When a request is due, and who may bring it forward: rules S1, S9 and S10.

use std::time::Duration;

use crate::clock::{Deadline, Timestamp};

/// How soon after a request that failed [`Requests::refresh`] makes the next one due: an app may
/// call it as often as it likes.
const LEAST_SPACING: Duration = Duration::from_secs(1);

/// The request in flight or the last one, and the next.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) struct Requests {
    last: Last,
    next: Due,
    /// A new subscriber makes a request due from this moment on. `None`: only the schedule does.
    for_subscriber_after: Option<Deadline>,
    rejection: Rejection,
}

/// The request that is in flight, or what became of the last one.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
enum Last {
    #[default]
    Nothing,
    InFlight {
        sent: Timestamp,
    },
    /// It was answered with credentials. No request follows before this, as long as no TURN server
    /// rejects them. It is honoured once; a wall clock that is set back must not revive it.
    Success {
        earliest_next: Deadline,
    },
    Failure {
        sent: Timestamp,
    },
}

/// When the next request is due, as long as there are subscribers.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
pub(super) enum Due {
    /// At once.
    #[default]
    Now,
    /// At a moment that we chose.
    At(Deadline),
    /// At a moment that the homeserver chose. No event brings it forward.
    NotBefore(Deadline),
    /// After an event: a new subscriber, [`Requests::refresh`], a renewed session.
    OnDemand,
    /// Never again: the session has ended.
    Never,
}

/// A TURN server did not accept the credentials.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
struct Rejection {
    /// The next request is sent for that reason.
    is_pending: bool,
    /// When the last request for that reason was sent.
    asked: Option<Timestamp>,
}

impl Due {
    fn remaining(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(deadline) | Self::NotBefore(deadline) => Some(deadline.remaining(now)),
            Self::OnDemand | Self::Never => None,
        }
    }
}

impl Requests {
    /// When the request that is in flight was sent.
    pub(super) fn in_flight(&self) -> Option<Timestamp> {
        match self.last {
            Last::InFlight { sent } => Some(sent),
            _ => None,
        }
    }

    /// How long until the next request is due. `None` if one is in flight, or only an event can
    /// make one due.
    pub(super) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        match self.last {
            Last::InFlight { .. } => None,
            _ => self.next.remaining(now).map(|due| due.max(self.floor_remaining(now))),
        }
    }

    /// Whether a request is to be sent now.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.remaining(now) == Some(Duration::ZERO)
    }

    fn floor_remaining(&self, now: Timestamp) -> Duration {
        match self.last {
            Last::Success { earliest_next } => earliest_next.remaining(now),
            _ => Duration::ZERO,
        }
    }

    /// A request is sent now.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.last = Last::InFlight { sent: now };
        if std::mem::take(&mut self.rejection.is_pending) {
            self.rejection.asked = Some(now);
        }
    }

    /// The request in flight was answered with credentials.
    pub(super) fn succeed(&mut self, earliest_next: Deadline, next: Deadline) {
        self.last = Last::Success { earliest_next };
        self.next = Due::At(next);
        self.for_subscriber_after = None;
    }

    /// The request of the moment `sent` failed.
    pub(super) fn fail(&mut self, sent: Timestamp, next: Due, for_subscriber: Option<Deadline>) {
        self.last = Last::Failure { sent };
        self.next = next;
        self.for_subscriber_after = for_subscriber;
    }

    /// No request will be sent any more.
    pub(super) fn end(&mut self) {
        self.last = Last::Nothing;
        self.next = Due::Never;
        self.for_subscriber_after = None;
    }

    /// There is a new subscriber.
    pub(super) fn subscribe(&mut self, now: Timestamp) {
        if self.for_subscriber_after.take_if(|after| after.is_reached(now)).is_some() {
            self.next = Due::Now;
        }
    }

    /// Asking now helps, somebody believes. Without effect while a request is in flight, and soon
    /// after the last success.
    pub(super) fn refresh(&mut self, now: Timestamp) {
        if self.in_flight().is_none() && self.floor_remaining(now).is_zero() {
            self.ask_soon(now);
        }
    }

    /// A TURN server rejected what is held. A request is due now, or `floor` after the last one for
    /// the same reason.
    pub(super) fn reject(&mut self, now: Timestamp, floor: Duration) {
        if self.in_flight().is_some() || std::mem::replace(&mut self.rejection.is_pending, true) {
            return;
        }
        let not_before = self.rejection.asked.map(|asked| Deadline::after(asked, floor));
        match not_before.filter(|not_before| !not_before.is_reached(now)) {
            Some(not_before) => self.ask_by(now, not_before),
            None => {
                if matches!(self.last, Last::Success { .. }) {
                    self.last = Last::Nothing;
                }
                self.ask_soon(now);
            }
        }
    }

    /// Makes a request that is due later due within `span`, unless the homeserver asked for the
    /// delay.
    pub(super) fn ask_within(&mut self, now: Timestamp, span: Duration) {
        if let Due::At(due) = self.next {
            self.next = Due::At(Deadline::after(now, span.min(due.remaining(now))));
        }
    }

    /// As soon as asking is allowed again after a failure.
    fn ask_soon(&mut self, now: Timestamp) {
        match (self.last, self.next) {
            (Last::Failure { sent }, _) => self.ask_by(now, Deadline::after(sent, LEAST_SPACING)),
            (_, Due::NotBefore(_) | Due::Never) => {}
            _ => self.next = Due::Now,
        }
    }

    /// Makes a request due by then, unless it is due before, or the homeserver asked for the delay.
    fn ask_by(&mut self, now: Timestamp, latest: Deadline) {
        if let Due::OnDemand = self.next {
            self.next = Due::At(latest);
        } else {
            self.ask_within(now, latest.remaining(now));
        }
    }
}

/// The requests as they are once time has passed.
#[cfg(test)]
mod explored {
    use std::time::Duration;

    use super::{Due, Last, Requests, Timestamp};
    use crate::clock::aging::{Passed, now};

    impl Requests {
        pub(in super::super) fn age(&mut self, by: Passed) {
            match &mut self.last {
                Last::Nothing => {}
                Last::Success { earliest_next } => *earliest_next = earliest_next.aged(by),
                Last::InFlight { sent } => *sent = sent.aged(by),
                Last::Failure { sent } => *sent = sent.aged(by).or_long_ago(),
            }
            match &mut self.next {
                Due::At(due) | Due::NotBefore(due) => *due = due.aged(by),
                Due::Now | Due::OnDemand | Due::Never => {}
            }
            self.for_subscriber_after = self.for_subscriber_after.map(|after| after.aged(by));
            self.rejection.asked = self.rejection.asked.map(|asked| asked.aged(by).or_long_ago());
        }
    }

    impl Timestamp {
        /// What is a minute ago may as well be longer ago.
        fn or_long_ago(self) -> Self {
            const MINUTE: Duration = Duration::from_secs(60);
            let long_ago = now().aged(Passed::regularly(MINUTE));
            if self.monotonic < long_ago.monotonic { long_ago } else { self }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::unavailable::{Unavailable, UnavailableReason};

    #[test]
    fn s09_refresh_in_a_loop_asks_once_a_second_whatever_the_homeserver_answers() {
        use UnavailableReason::{Forbidden, NotConfigured, SoftLoggedOut, Unreachable};

        for reason in [NotConfigured, Forbidden, SoftLoggedOut, Unreachable] {
            let (mut schedule, now) = subscribed();
            assert!(schedule.begin_request(now));
            schedule.answered(now, Err(Unavailable::new(reason)));
            schedule.refresh(now);
            assert!(!schedule.begin_request(now), "{reason:?}");
            schedule.refresh(later(now, 1));
            assert!(schedule.begin_request(later(now, 1)), "{reason:?}");
        }
    }

    #[test]
    fn s09_a_floor_that_was_kept_once_does_not_come_back_with_the_wall_clock() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(60));
        let woken = Timestamp { wall: later(now, 3_600).wall, ..now };
        assert!(schedule.begin_request(woken));
        schedule.answered(woken, Err(Unavailable::new(UnavailableReason::NotConfigured)));

        let set_back = later(now, 2);
        schedule.refresh(set_back);
        assert!(schedule.begin_request(set_back));
    }

    #[test]
    fn s09_refresh_never_postpones_what_is_due() {
        use UnavailableReason::{NotLoggedIn, Unreachable};

        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, failed(NotLoggedIn));
        schedule.subscribe(now);
        assert_eq!(schedule.next_request_in(now), Some(Duration::ZERO));
        schedule.session_renewed(now);
        assert_eq!(schedule.next_request_in(now), Some(Duration::ZERO));

        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, failed(Unreachable));
        let due = schedule.next_request_in(now).unwrap();
        assert!(due < LEAST_SPACING, "full jitter under 1 s");
        schedule.refresh(now);
        assert_eq!(schedule.next_request_in(now), Some(due));
    }
}
