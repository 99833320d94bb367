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

use self::{
    failure::Failure,
    held::{Asked, Held, Life},
    jitter::uniform,
    publication::Publication,
    refreshes::Refreshes,
    requests::Requests,
};
pub use self::{
    failure::MAX_RETRY_AFTER,
    saved::{Saved, Useless},
};
use crate::{
    clock::{Deadline, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
    source::Answer,
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

#[cfg(test)]
mod exploration;
mod failure;
mod held;
mod jitter;
mod publication;
mod refreshes;
mod requests;
mod saved;
#[cfg(test)]
mod testing;

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
        self.failure = Some(Failure::final_one(self.failure.as_ref(), why));
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

    /// Why [`TurnService::get`](crate::TurnService::get) must not return the credentials that are
    /// held: a TURN server rejected them, and the homeserver has not answered with credentials since.
    pub fn rejection(&self) -> Option<Unavailable> {
        let held = self.held.as_ref().filter(|held| held.is_rejected);
        held.map(|_| {
            self.last_failure().cloned().unwrap_or_else(|| UnavailableReason::Rejected.into())
        })
    }

    /// Why the last request failed, if it did. Credentials may be held all the same.
    pub fn last_failure(&self) -> Option<&Unavailable> {
        self.failure.as_ref().map(|failure| &failure.why)
    }

    /// How many requests failed since the last that succeeded.
    pub fn failures_in_a_row(&self) -> u32 {
        self.failure.as_ref().map_or(0, |failure| failure.in_a_row)
    }

    /// How long the credentials that are held are still valid. `None` if there are none, or if that is
    /// not known.
    pub fn valid_for(&self, now: Timestamp) -> Option<Duration> {
        self.held.as_ref().and_then(|held| held.server.valid_for(now))
    }

    /// The request was answered, or failed. Ignored if none was in flight.
    pub fn answered(&mut self, now: Timestamp, answer: Result<Answer, Unavailable>) {
        let Some(sent) = self.in_flight() else { return };
        match answer {
            Ok(answer) => self.accept(now, sent, answer),
            Err(why) if why.reason() == UnavailableReason::LoggedOut => self.end_session(why),
            Err(why) => self.fail(now, sent, why.dated(now.wall)),
        }
        self.publication.answered();
    }

    fn accept(&mut self, now: Timestamp, sent: Timestamp, Answer { server, ttl, .. }: Answer) {
        let ttl = ttl.min(MAX_TTL);
        let failing_since = self.failure.take().and_then(|failure| failure.failing_since());
        let refresh =
            self.refreshes.next((&self.policy, &mut self.rng), now, (sent, ttl), failing_since);
        self.requests.succeed(Deadline::after(now, self.policy.floor), refresh);

        let refresh = refresh.remaining(sent);
        let life = Life { asked: Asked::at(sent), ttl, refresh };
        match &mut self.held {
            Some(held) if held.server == server => held.extend(life),
            _ => self.hold(&server, life),
        }
        self.withdraw_expired(now);
    }

    fn hold(&mut self, server: &TurnServer, life: Life) {
        let held = self.held.insert(Held::new(server, life));
        self.publication.offer(TurnState::Available(held.server.clone()));
    }

    /// Instead of being sent, the request was answered by what an earlier process
    /// [saved](Self::saved). Ignored if none was in flight.
    ///
    /// # Errors
    ///
    /// The saved credentials are of no use, and the request is still in flight.
    pub fn restored(&mut self, now: Timestamp, saved: &Saved) -> Result<(), Useless> {
        if self.in_flight().is_none() {
            return Ok(());
        }
        let life = saved.life(&self.policy, now)?;
        let Life { asked, refresh, .. } = life;
        self.requests.succeed(asked.deadline(self.policy.floor), asked.deadline(refresh));
        self.refreshes.continued();
        self.hold(&saved.server, life);
        self.publication.answered();
        Ok(())
    }

    /// What another process may start with, to be [`restored`](Self::restored) there. `None` if there
    /// is nothing, or nothing that is worth it: a TURN server rejected it, or for how long it holds is
    /// not known.
    pub fn saved(&self) -> Option<Saved> {
        self.held.as_ref().and_then(Held::saved)
    }

    fn fail(&mut self, now: Timestamp, sent: Timestamp, why: Unavailable) {
        self.withdraw_expired(now);
        let failure = Failure::new(self.failure.as_ref(), why, sent);
        let random = (&self.policy, &mut self.rng);
        let next = failure.next_request(random, now, sent, self.held.is_some());
        self.requests.fail(sent, next, failure.for_subscriber_after(&self.policy, now));
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

    /// What was last taken to be published. `None` until the first outcome is known.
    pub fn published(&self) -> Option<&TurnState> {
        self.publication.published()
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

    /// How long until something is due, if both clocks run on as they should: there is no need to wake
    /// up earlier. `None` as for [`next_wakeup`](Self::next_wakeup).
    pub fn next_due(&self, now: Timestamp) -> Option<Duration> {
        if !self.subscribed {
            return None;
        }
        [self.valid_for(now), self.requests.remaining(now)].into_iter().flatten().min()
    }

    /// How long until the next request is due. `None` if none is: nobody is subscribed, one is in
    /// flight, or only an event can bring it about.
    pub fn next_request_in(&self, now: Timestamp) -> Option<Duration> {
        self.requests.remaining(now).filter(|_| self.subscribed)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

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
}
