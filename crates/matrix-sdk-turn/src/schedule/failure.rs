//! What a request that failed means for the next one: rules S4, S5 and S7.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::{jitter::uniform, requests::Due};
use crate::{
    clock::{Deadline, Timestamp},
    policy::RefreshPolicy,
    unavailable::{Unavailable, UnavailableReason},
};

/// The share by which the hourly question to a homeserver without TURN is early or late.
const NOT_CONFIGURED_JITTER: f64 = 0.1;

/// The longest wait that a `retry_after` causes. A homeserver that wants a longer one can say so once
/// an hour; one that names a hundred years made a mistake, which must not last as long.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The shortest wait that a `retry_after` causes: a homeserver that names a millisecond must not get a
/// thousand requests a second.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The last request failed.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) struct Failure {
    pub(super) why: Unavailable,
    /// How many there were since the last success, this one included.
    pub(super) in_a_row: u32,
    /// Only of transient failures: the homeserver has not spoken since.
    streak: Option<Streak>,
}

/// Transient failures in a row.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(test, derive(Hash))]
struct Streak {
    count: u32,
    /// When the first of them was sent.
    since: Instant,
}

impl Failure {
    /// The request of the moment `sent` failed, perhaps not as the first one.
    pub(super) fn new(previous: Option<&Self>, why: Unavailable, sent: Timestamp) -> Self {
        use UnavailableReason::{Expired, RateLimited, Rejected, Unreachable};

        let before = previous.and_then(|previous| previous.streak);
        let is_transient = matches!(why.reason(), RateLimited | Unreachable | Expired | Rejected);
        let streak = is_transient.then(|| Streak {
            count: before.map_or(0, |streak| streak.count).saturating_add(1),
            since: before.map_or(sent.monotonic, |streak| streak.since),
        });
        Self { why, in_a_row: in_a_row(previous), streak }
    }

    /// The session has ended, which is no part of a streak.
    pub(super) fn final_one(previous: Option<&Self>, why: Unavailable) -> Self {
        Self { why, in_a_row: in_a_row(previous), streak: None }
    }

    /// When the first request was sent of those that failed since anybody answered.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.streak.map(|streak| streak.since)
    }

    /// From when on a new subscriber makes a request due, after an answer at the moment `now`.
    /// `None` if subscribers change nothing.
    pub(super) fn for_subscriber_after(
        &self,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Option<Deadline> {
        use UnavailableReason::{
            Expired, Forbidden, LoggedOut, Misconfigured, NotConfigured, NotLoggedIn, RateLimited,
            Rejected, RuntimeEnded, SoftLoggedOut, Unreachable,
        };

        match self.why.reason() {
            NotConfigured | Misconfigured | Forbidden => {
                Some(Deadline::after(now, policy.refused_interval))
            }
            // The source knows without a request whether that has changed.
            NotLoggedIn | SoftLoggedOut => Some(Deadline::after(now, Duration::ZERO)),
            Unreachable | Expired | Rejected | RuntimeEnded | RateLimited | LoggedOut => None,
        }
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
            Rejected, RuntimeEnded, SoftLoggedOut, Unreachable,
        };

        match self.why.reason() {
            Unreachable | Expired | Rejected | RuntimeEnded => {
                // A request that hung until it timed out was part of the wait.
                let waited = now.monotonic.saturating_duration_since(sent.monotonic);
                let least = policy.retry.min.mul_f64(uniform(rng, 0.0, 1.0));
                let delay = self.retry_delay(policy, rng, has_credentials);
                Due::At(Deadline::after(now, delay.saturating_sub(waited).max(least)))
            }
            RateLimited => {
                // Jitter beyond `retry_after`, or all clients return at once.
                let delay = self.retry_delay(policy, rng, has_credentials);
                let named = self.why.retry_after();
                let pause = named.map_or(policy.retry.max, |named| {
                    named.clamp(MIN_RETRY_AFTER, MAX_RETRY_AFTER)
                });
                Due::NotBefore(Deadline::after(now, pause.saturating_add(delay)))
            }
            NotConfigured | Misconfigured => {
                let (low, high) = (1.0 - NOT_CONFIGURED_JITTER, 1.0 + NOT_CONFIGURED_JITTER);
                let interval = policy.not_configured_interval.mul_f64(uniform(rng, low, high));
                Due::At(Deadline::after(now, interval))
            }
            Forbidden | NotLoggedIn | SoftLoggedOut => Due::OnDemand,
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

fn in_a_row(previous: Option<&Failure>) -> u32 {
    previous.map_or(0, |previous| previous.in_a_row).saturating_add(1)
}

/// A failure as it is once time has passed.
#[cfg(test)]
mod explored {
    use super::Failure;
    use crate::clock::aging::Passed;

    impl Failure {
        pub(in super::super) fn age(&mut self, by: Passed) {
            if let Some(streak) = &mut self.streak {
                streak.since -= by.monotonic;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Schedule, testing::*};

    #[test]
    fn s07_one_more_subscriber_after_5_minutes_waits_for_the_answer() {
        use UnavailableReason::{Forbidden, Misconfigured, NotConfigured};

        for reason in [Forbidden, NotConfigured, Misconfigured] {
            let (mut schedule, now) = subscribed();
            assert!(schedule.begin_request(now));
            schedule.answered(now, failed(reason));
            schedule.take_update(now);

            schedule.subscribe(later(now, 299));
            assert!(!schedule.is_waiting_for_outcome(), "it is told what is known");
            let later = later(now, 300);
            schedule.subscribe(later);
            assert!(schedule.is_waiting_for_outcome(), "{reason:?}");
            assert!(schedule.begin_request(later));
            schedule.answered(later, failed(reason));
            assert!(schedule.take_update(later).is_some(), "though it is the same as before");
            schedule.subscribe(later);
            assert!(!schedule.begin_request(later), "once in 5 minutes");
        }
    }

    #[test]
    fn s07_a_success_ends_what_a_new_subscriber_may_ask_for() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, failed(UnavailableReason::NotConfigured));
        let hour = later(now, 4_000);
        assert!(schedule.begin_request(hour));
        schedule.answered(hour, credentials(1_000));
        let later = later(hour, 30);
        schedule.subscribe(later);
        assert!(!schedule.begin_request(later), "valid credentials are held");
    }

    #[test]
    fn s07_what_is_valid_stays_whatever_the_homeserver_says_of_the_next() {
        use UnavailableReason::{Forbidden, Misconfigured, NotConfigured, SoftLoggedOut};

        for reason in [NotConfigured, Misconfigured, Forbidden, SoftLoggedOut] {
            let (mut schedule, _, half) = asked_again_at_half_time(failed(reason));
            assert_eq!(schedule.take_update(half), None, "{reason:?}");
            assert!(schedule.is_usable(half));
            assert_eq!(schedule.last_failure().map(Unavailable::reason), Some(reason));

            let update = schedule.take_update(later(half, 500)).unwrap();
            assert_eq!(update.unavailable().map(Unavailable::reason), Some(reason));
        }
    }

    #[test]
    fn s07_the_end_of_the_session_withdraws_at_once_and_is_final() {
        let (mut schedule, server, half) =
            asked_again_at_half_time(failed(UnavailableReason::LoggedOut));
        let update = schedule.take_update(half).unwrap();
        assert!(update.is_final());

        let next_day = later(half, 86_400);
        schedule.refresh(next_day);
        schedule.subscribe(next_day);
        schedule.session_renewed(next_day);
        schedule.report_rejected(next_day, &server);
        assert!(!schedule.begin_request(next_day));
        assert_eq!(schedule.next_wakeup(half), None);
    }

    #[test]
    fn s07_an_answer_that_comes_after_the_end_of_the_session_is_ignored() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.end_session(UnavailableReason::LoggedOut.into());
        assert!(schedule.take_update(now).is_some_and(|state| state.is_final()));
        schedule.answered(now, credentials(1_000));
        assert_eq!(schedule.take_update(now), None);
        assert!(!schedule.is_asking(now));
    }

    #[test]
    fn s07_not_configured_is_asked_again_when_the_credentials_expire() {
        let (mut schedule, _, half) =
            asked_again_at_half_time(failed(UnavailableReason::NotConfigured));
        let hourly = schedule.next_request_in(half).unwrap().as_secs();
        assert!((3_240..=3_960).contains(&hourly), "{hourly}");
        let expired = later(half, 500);
        schedule.take_update(expired);
        assert!(schedule.next_request_in(expired).unwrap() <= Duration::from_secs(10));
    }

    #[test]
    fn s07_hourly_is_between_54_and_66_minutes() {
        let mut drawn = Vec::new();
        for seed in 0..1_000 {
            let now = Timestamp::now();
            let mut schedule = Schedule::new(RefreshPolicy::default(), Rng::with_seed(seed));
            schedule.subscribe(now);
            assert!(schedule.begin_request(now));
            schedule.answered(now, failed(UnavailableReason::NotConfigured));
            drawn.push(schedule.next_request_in(now).unwrap().as_secs_f64() / 60.0);
        }
        let (low, high) = drawn.iter().fold((f64::MAX, 0.0_f64), |(low, high), minutes| {
            (low.min(*minutes), high.max(*minutes))
        });
        assert!((54.0..54.2).contains(&low) && (65.8..=66.0).contains(&high), "{low} to {high}");
    }

    #[test]
    fn s07_a_session_that_is_renewed_is_asked_with_at_most_once_a_second() {
        use UnavailableReason::{NotLoggedIn, SoftLoggedOut};

        for reason in [NotLoggedIn, SoftLoggedOut] {
            let (mut schedule, now) = subscribed();
            assert!(schedule.begin_request(now));
            schedule.answered(now, failed(reason));
            assert_eq!(schedule.next_wakeup(now), None, "only an event brings it back");
            schedule.session_renewed(now);
            assert!(!schedule.begin_request(now));
            assert!(schedule.begin_request(later(now, 1)));
        }
    }

    #[test]
    fn s07_a_token_that_is_refreshed_while_all_is_well_makes_nobody_ask() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(1_000));
        let next = schedule.next_request_in(later(now, 30)).unwrap();
        schedule.session_renewed(later(now, 30));
        assert_eq!(schedule.next_request_in(later(now, 30)), Some(next));
        assert!(!next.is_zero());
    }

    /// A homeserver that limits the rate, and names this time.
    fn limited(named: Option<Duration>) -> (Schedule, Timestamp) {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        let limited = Unavailable::new(UnavailableReason::RateLimited).with_retry_after(named);
        schedule.answered(now, Err(limited));
        (schedule, now)
    }

    /// Whole seconds until the next request. There is up to a second of jitter after a first failure.
    fn secs_to_next(schedule: &Schedule, now: Timestamp) -> u64 {
        schedule.next_request_in(now).unwrap().as_secs()
    }

    #[test]
    fn s05_zero_or_a_date_in_the_past_names_no_time() {
        let (schedule, now) = limited(Some(Duration::ZERO));
        assert_eq!(secs_to_next(&schedule, now), 60);

        for (date_is_after, secs) in [(-3_600, 60), (0, 60), (30, 30), (7_200, 3_600)] {
            let (mut schedule, now) = subscribed();
            assert!(schedule.begin_request(now));
            let span = Duration::from_secs(i64::unsigned_abs(date_is_after));
            let date = if date_is_after < 0 { now.wall - span } else { now.wall + span };
            let limited = Unavailable::new(UnavailableReason::RateLimited).with_retry_date(date);
            schedule.answered(now, Err(limited));
            assert_eq!(secs_to_next(&schedule, now), secs, "{date_is_after}");
        }
    }

    #[test]
    fn s05_a_named_time_below_a_second_counts_as_a_second() {
        let (mut schedule, now) = limited(Some(Duration::from_nanos(1)));
        assert_eq!(secs_to_next(&schedule, now), 1);
        schedule.refresh(now);
        assert!(!schedule.begin_request(now));
    }

    #[test]
    fn s05_the_wait_ends_when_either_clock_has_passed_it() {
        let hour = Duration::from_secs(3_600);
        let (schedule, now) = limited(Some(hour));
        let due = schedule.next_request_in(now).unwrap();
        let asleep = Timestamp { wall: now.wall + due, ..now };
        assert_eq!(schedule.next_request_in(asleep), Some(Duration::ZERO));
        let set_back = Timestamp { monotonic: now.monotonic + due, wall: now.wall - hour };
        assert_eq!(schedule.next_request_in(set_back), Some(Duration::ZERO));
        let just_before = Timestamp { wall: asleep.wall - Duration::from_secs(1), ..asleep };
        assert_eq!(schedule.next_request_in(just_before), Some(Duration::from_secs(1)));
    }

    #[test]
    fn s05_a_retry_after_counts_as_an_hour_at_most() {
        for asked in [Duration::from_secs(3_600), 100 * YEAR, Duration::MAX] {
            let (mut schedule, now) = subscribed();
            assert!(schedule.begin_request(now));
            let limited = Unavailable::new(UnavailableReason::RateLimited);
            schedule.answered(now, Err(limited.with_retry_after(Some(asked))));
            let due = schedule.next_request_in(now).unwrap();
            // And up to a second of jitter, as after any first failure.
            assert!(due >= MAX_RETRY_AFTER && due <= MAX_RETRY_AFTER + Duration::from_secs(1));
        }
    }
}
