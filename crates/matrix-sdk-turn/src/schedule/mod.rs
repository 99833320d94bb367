//! When to ask for TURN credentials, and what to publish: rules without I/O, clock or await.
//!
//! A [`Schedule`] is told what happened, with the moment it happened at, and asked what is to be
//! done. [`TurnService`](crate::TurnService) is the shell around it; a simulator is another.
//!
//! ```
//! use std::time::Duration;
//!
//! use matrix_sdk_turn::{
//!     Answer, RefreshPolicy, Timestamp, TurnServer, TurnState,
//!     schedule::{Rng, Schedule},
//! };
//!
//! let mut schedule = Schedule::new(RefreshPolicy::default(), Rng::with_seed(1));
//! let now = Timestamp::now();
//!
//! assert!(!schedule.begin_request(now), "nobody subscribed");
//! schedule.subscribe(now);
//! assert!(schedule.begin_request(now), "the first subscriber makes it ask");
//! assert!(!schedule.begin_request(now), "but once");
//!
//! let server = TurnServer::new(vec!["turn:turn.example.org".into()], "alice", "password");
//! schedule.answered(now, Answer::new(server, Duration::from_secs(3600)));
//! assert!(matches!(schedule.take_update(now), Some(TurnState::Available(_))));
//!
//! let wakeup = schedule.next_wakeup(now).expect("somebody is subscribed");
//! assert!(wakeup - now.monotonic <= RefreshPolicy::default().max_timer());
//! # Ok::<(), matrix_sdk_turn::Unavailable>(())
//! ```

use std::time::{Duration, Instant};

/// The randomness a [`Schedule`] is given.
pub use fastrand::Rng;

pub use self::failure::MAX_RETRY_AFTER;
use self::{
    failure::Failure, held::Held, publication::Publication, refreshes::Refreshes,
    requests::Requests,
};
use crate::{
    clock::{Deadline, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
    source::Answer,
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

mod failure;
mod held;
mod publication;
mod refreshes;
mod requests;

/// A TTL beyond this counts as this: whoever revokes credentials should not have to wait longer.
pub const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// When to ask, and what to publish.
///
/// The order of calls is the shell's: report events as they happen, then [`take_update`] and
/// publish what it returns, then [`begin_request`] and send a request if it says so, then sleep
/// until [`next_wakeup`] or the next event.
///
/// [`take_update`]: Self::take_update
/// [`begin_request`]: Self::begin_request
/// [`next_wakeup`]: Self::next_wakeup
#[derive(Debug)]
pub struct Schedule {
    policy: RefreshPolicy,
    rng: Rng,
    subscribed: bool,
    requests: Requests,
    refreshes: Refreshes,
    /// `None` since the last success.
    failure: Option<Failure>,
    held: Option<Held>,
    publication: Publication,
}

impl Schedule {
    /// A schedule that nobody has subscribed to yet.
    pub fn new(policy: RefreshPolicy, rng: Rng) -> Self {
        Self {
            policy,
            rng,
            subscribed: false,
            requests: Requests::default(),
            refreshes: Refreshes::new(&policy),
            failure: None,
            held: None,
            publication: Publication::default(),
        }
    }

    /// Somebody subscribed, as the first or as one more.
    pub fn subscribe(&mut self, now: Timestamp) {
        self.requests.subscribe(now);
        self.subscribed = true;
        self.withdraw_expired(now);
        if self.held.is_none() && self.requests.is_due(now) {
            // What there is to say is out of date.
            self.publication.await_answer();
        }
    }

    /// The last subscriber left. No request is due any more; what is known stays known.
    pub fn unsubscribe(&mut self) {
        self.subscribed = false;
    }

    /// Somebody has reason to believe that asking now helps: the network changed, the app resumed.
    ///
    /// Ignored while a request is in flight, within [`RefreshPolicy::floor`] of the last success,
    /// while the homeserver's `retry_after` runs, and once the session has ended.
    pub fn refresh(&mut self, now: Timestamp) {
        self.requests.refresh(now);
    }

    /// The TURN server rejected these credentials. If they are the current ones, the homeserver is
    /// asked now, or [`RefreshPolicy::floor`] after it was last asked for this reason.
    pub fn report_rejected(&mut self, now: Timestamp, server: &TurnServer) {
        if let Some(held) = self.held.as_mut().filter(|held| held.server == *server) {
            held.is_rejected = true;
            self.requests.reject(now, self.policy.floor);
        }
    }

    /// There is a session to ask with, or another access token for it. If the lack of one was why
    /// the last request failed, the next one is due now.
    pub fn session_renewed(&mut self, now: Timestamp) {
        use UnavailableReason::{NotLoggedIn, SoftLoggedOut};

        if matches!(self.last_failure().map(Unavailable::reason), Some(NotLoggedIn | SoftLoggedOut))
        {
            self.requests.refresh(now);
        }
    }

    /// The session has ended: what is held is withdrawn, and no request is ever due again.
    pub fn end_session(&mut self, why: Unavailable) {
        self.requests.end();
        self.held = None;
        self.publication.offer(TurnState::Unavailable(why.clone()));
        self.publication.answered();
        self.failure = Some(why.into());
    }

    /// Whether a request is to be sent now. If so, it counts as sent, and must be
    /// [`answered`](Self::answered).
    pub fn begin_request(&mut self, now: Timestamp) -> bool {
        let begins = self.subscribed && self.requests.is_due(now);
        if begins {
            self.requests.begin(now);
        }
        begins
    }

    /// When the request was sent that is not answered yet.
    pub fn in_flight(&self) -> Option<Timestamp> {
        self.requests.in_flight()
    }

    /// Whether an answer is on its way, or a request about to be sent.
    pub fn is_asking(&self, now: Timestamp) -> bool {
        self.in_flight().is_some() || (self.subscribed && self.requests.is_due(now))
    }

    /// Whether the credentials that are held are as good as any: valid, not rejected, and with no
    /// less of their life left than the steady state leaves.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_fresh(&self.policy, now))
    }

    /// Whether the credentials that are held are valid, and not rejected.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_usable(now))
    }

    /// Why the last request failed, if it did. Credentials may be held all the same.
    pub fn last_failure(&self) -> Option<&Unavailable> {
        self.failure.as_ref().map(|failure| &failure.why)
    }

    /// The request was answered, or failed. Ignored if none was in flight.
    pub fn answered(&mut self, now: Timestamp, answer: Result<Answer, Unavailable>) {
        let Some(sent) = self.in_flight() else { return };
        match answer {
            Ok(answer) => self.accept(now, sent, answer),
            Err(why) if why.reason() == UnavailableReason::LoggedOut => self.end_session(why),
            Err(why) => self.fail(now, sent, why),
        }
        self.publication.answered();
    }

    fn accept(&mut self, now: Timestamp, sent: Timestamp, Answer { server, ttl, .. }: Answer) {
        let ttl = ttl.min(MAX_TTL);
        let failing_since = self.failure.take().and_then(|failure| failure.failing_since());
        let next =
            self.refreshes.next((&self.policy, &mut self.rng), now, (sent, ttl), failing_since);
        self.requests.succeed(Deadline::after(now, self.policy.floor), next);

        match &mut self.held {
            Some(held) if held.server == server => held.extend(sent, ttl),
            held => {
                let held = held.insert(Held::new(&server, sent, ttl));
                self.publication.offer(TurnState::Available(held.server.clone()));
            }
        }
        self.withdraw_expired(now);
    }

    fn fail(&mut self, now: Timestamp, sent: Timestamp, why: Unavailable) {
        self.withdraw_expired(now);
        let failure = Failure::new(self.failure.as_ref(), why, sent);
        let random = (&self.policy, &mut self.rng);
        self.requests.fail(sent, failure.next_request(random, now, sent, self.held.is_some()));
        let why = failure.why.clone();
        self.failure = Some(failure);
        if self.held.is_none() {
            self.publication.offer(TurnState::Unavailable(why));
        }
    }

    /// What to publish, if that changed. Only ever the newest; never credentials that have expired.
    pub fn take_update(&mut self, now: Timestamp) -> Option<TurnState> {
        self.withdraw_expired(now);
        self.publication.take()
    }

    /// Whether whoever subscribes now is told nothing before the next answer.
    pub fn is_waiting_for_outcome(&self) -> bool {
        self.publication.is_awaited()
    }

    fn withdraw_expired(&mut self, now: Timestamp) {
        if self.held.take_if(|held| held.server.is_expired(now)).is_none() {
            return;
        }
        let why = self.last_failure().cloned().unwrap_or_else(|| UnavailableReason::Expired.into());
        self.publication.offer(TurnState::Unavailable(why));

        // Delays were drawn for somebody who has credentials. The new one is on both clocks: what a
        // wall clock set ahead made due stays due when it is set back.
        let delay = self.policy.retry.max_expired.mul_f64(uniform(&mut self.rng, 0.0, 1.0));
        self.requests.ask_within(now, delay);
    }

    /// When to look again, at the latest, if nothing happens before: never further away than
    /// [`RefreshPolicy::max_timer`]. `None` if only an event can bring anything about: nobody is
    /// subscribed, say, or a request is in flight.
    pub fn next_wakeup(&self, now: Timestamp) -> Option<Instant> {
        self.next_due(now).map(|due| now.monotonic + due.min(self.policy.max_timer))
    }

    /// How long until something is due, if both clocks run on as they should: waking up before
    /// changes nothing. `None` as for [`next_wakeup`](Self::next_wakeup).
    pub fn next_due(&self, now: Timestamp) -> Option<Duration> {
        if !self.subscribed {
            return None;
        }
        let expiry = self.held.as_ref().and_then(|held| held.server.valid_for(now));
        [expiry, self.requests.remaining(now)].into_iter().flatten().min()
    }

    /// How long until the next request is due. `None` if none is: nobody is subscribed, one is in
    /// flight, or only an event can bring it about.
    pub fn next_request_in(&self, now: Timestamp) -> Option<Duration> {
        self.requests.remaining(now).filter(|_| self.subscribed)
    }
}

fn uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    (high - low).mul_add(rng.f64(), low)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    fn subscribed() -> (Schedule, Timestamp) {
        let wall = SystemTime::UNIX_EPOCH + 50 * YEAR;
        let now = Timestamp { monotonic: Instant::now(), wall };
        let mut schedule = Schedule::new(RefreshPolicy::default(), Rng::with_seed(1));
        schedule.subscribe(now);
        (schedule, now)
    }

    fn later(now: Timestamp, secs: u64) -> Timestamp {
        let span = Duration::from_secs(secs);
        Timestamp { monotonic: now.monotonic + span, wall: now.wall + span }
    }

    fn credentials(ttl_secs: u64) -> Result<Answer, Unavailable> {
        let server = TurnServer::new(vec!["turn:turn.example.org".to_owned()], "alice", "password");
        Answer::new(server, Duration::from_secs(ttl_secs))
    }

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
    fn s08_what_a_wall_clock_set_ahead_made_due_stays_due_when_it_is_set_back() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(86_400));
        schedule.take_update(now);
        schedule.unsubscribe();

        let minute = later(now, 60);
        schedule.take_update(Timestamp { wall: minute.wall + YEAR, ..minute });
        schedule.subscribe(minute);
        assert!(schedule.begin_request(minute), "there are no credentials, and none on their way");
    }

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
    fn s07_one_more_subscriber_after_5_minutes_waits_for_the_answer() {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, Err(Unavailable::new(UnavailableReason::Forbidden)));
        schedule.take_update(now);

        schedule.subscribe(later(now, 299));
        assert!(!schedule.is_waiting_for_outcome(), "it is told what is known");
        let later = later(now, 300);
        schedule.subscribe(later);
        assert!(schedule.is_waiting_for_outcome());
        assert!(schedule.begin_request(later));
        schedule.answered(later, Err(Unavailable::new(UnavailableReason::Forbidden)));
        assert!(schedule.take_update(later).is_some(), "though it is the same as before");
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

    fn failed(reason: UnavailableReason) -> Result<Answer, Unavailable> {
        Err(reason.into())
    }

    /// Credentials for 1,000 s, and one more request that is answered like this at half that time.
    fn asked_again_at_half_time(
        answer: Result<Answer, Unavailable>,
    ) -> (Schedule, TurnServer, Timestamp) {
        let (mut schedule, now) = subscribed();
        assert!(schedule.begin_request(now));
        schedule.answered(now, credentials(1_000));
        let server = schedule.take_update(now).unwrap().into_result().unwrap();
        let half = later(now, 500);
        schedule.refresh(half);
        assert!(schedule.begin_request(half));
        schedule.answered(half, answer);
        (schedule, server, half)
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
