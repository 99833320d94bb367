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

use crate::{
    clock::{Deadline, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
    source::Answer,
    unavailable::{Unavailable, UnavailableReason},
};

/// A TTL beyond this counts as this: whoever revokes credentials should not have to wait longer.
pub const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// From this share of the TTL on, the first refresh after a start falls uniformly into one period of
/// the steady state, so that clients that started in the same second ask evenly from then on.
const EARLIEST_REFRESH: f64 = 0.7 - 2.0 / 3.0;

/// The share by which the hourly question to a homeserver without TURN is early or late.
const NOT_CONFIGURED_JITTER: f64 = 0.1;

/// How soon after a request that failed [`Schedule::refresh`] sends the next: an app may call it
/// as often as it likes.
const LEAST_SPACING: Duration = Duration::from_secs(1);

/// What there is to use right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnState {
    /// Credentials that are valid.
    Available(TurnServer),
    /// None, and why.
    Unavailable(Unavailable),
}

impl TurnState {
    /// The credentials, if there are any.
    pub fn available(&self) -> Option<&TurnServer> {
        match self {
            Self::Available(server) => Some(server),
            Self::Unavailable(_) => None,
        }
    }

    /// Whether it says the same as the other to somebody who holds on to it: credentials that came
    /// back after they had expired have an expiry of their own.
    pub(crate) fn is_known_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Available(server), Self::Available(other)) => server.shares_expiry_with(other),
            (this, other) => this == other,
        }
    }
}

impl From<TurnState> for Result<TurnServer, Unavailable> {
    fn from(state: TurnState) -> Self {
        match state {
            TurnState::Available(server) => Ok(server),
            TurnState::Unavailable(why) => Err(why),
        }
    }
}

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
    /// When the request was sent that is not answered yet.
    in_flight: Option<Timestamp>,
    next_request: NextRequest,
    /// No success is followed by a request before this.
    floor: Option<Deadline>,
    last_sent: Option<Timestamp>,
    /// The next request is sent because the credentials were rejected.
    asks_for_others: bool,
    /// When the last of those was sent.
    last_rejection: Option<Timestamp>,
    held: Option<Held>,
    failures: u32,
    last_failure: Option<Unavailable>,
    /// The refresh that is scheduled next spreads the clients that started together.
    spread: bool,
    /// When the first request was sent of those that failed since the last success.
    failing_since: Option<Instant>,
    /// How long to wait for the next request while the TTL is not known.
    unknown_ttl_delay: Duration,
    /// What was last taken to be published.
    published: Option<TurnState>,
    /// What is to be published, if that is something else.
    update: Option<TurnState>,
    /// Somebody waits for the next answer, even if it says what is known.
    is_awaited: bool,
}

#[derive(Debug)]
struct Held {
    server: TurnServer,
    sent: Timestamp,
    ttl: Duration,
    /// `None`: not known.
    expires: Option<Deadline>,
    is_rejected: bool,
}

/// When the next request is due, as far as somebody is subscribed.
#[derive(Clone, Copy, Debug)]
enum NextRequest {
    /// At once.
    Now,
    /// At a moment that we chose.
    At(Deadline),
    /// At a moment that the homeserver chose. The wall clock has no say: it can be wrong, and the
    /// homeserver's word counts.
    NotBefore(Instant),
    /// For somebody who subscribes after this moment, or on demand.
    ForSubscriberAfter(Deadline),
    /// On demand.
    Never,
}

impl NextRequest {
    fn is_due(&self, now: Timestamp) -> bool {
        match self {
            Self::Now => true,
            Self::At(deadline) => deadline.is_reached(now),
            Self::NotBefore(instant) => now.monotonic >= *instant,
            Self::ForSubscriberAfter(_) | Self::Never => false,
        }
    }

    fn remaining(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::At(deadline) => Some(deadline.remaining(now)),
            Self::NotBefore(instant) => Some(instant.saturating_duration_since(now.monotonic)),
            Self::ForSubscriberAfter(_) | Self::Never => None,
        }
    }
}

impl Schedule {
    /// A schedule that nobody has subscribed to yet.
    pub fn new(policy: RefreshPolicy, rng: Rng) -> Self {
        Self {
            policy,
            rng,
            subscribed: false,
            in_flight: None,
            next_request: NextRequest::Now,
            floor: None,
            last_sent: None,
            asks_for_others: false,
            last_rejection: None,
            held: None,
            failures: 0,
            last_failure: None,
            spread: true,
            failing_since: None,
            unknown_ttl_delay: policy.floor,
            published: None,
            update: None,
            is_awaited: false,
        }
    }

    /// Somebody subscribed, as the first or as one more.
    pub fn subscribe(&mut self, now: Timestamp) {
        if let NextRequest::ForSubscriberAfter(deadline) = self.next_request
            && deadline.is_reached(now)
        {
            self.next_request = NextRequest::Now;
        }
        self.subscribed = true;
        self.withdraw_expired(now);
        // What there is to say is out of date: the newcomer waits for the answer.
        self.is_awaited |= self.held.is_none() && self.is_request_due(now);
    }

    /// The last subscriber left. No request is due any more; what is known stays known.
    pub fn unsubscribe(&mut self) {
        self.subscribed = false;
    }

    /// Somebody has reason to believe that asking now helps: the network changed, the app resumed.
    ///
    /// Ignored while a request is in flight, within [`RefreshPolicy::floor`] of the last success,
    /// and while the homeserver's `retry_after` runs.
    pub fn refresh(&mut self, now: Timestamp) {
        let asked_just_now =
            self.in_flight.is_some() || self.floor.is_some_and(|floor| !floor.is_reached(now));
        if !asked_just_now {
            self.ask_soon();
        }
    }

    /// The TURN server rejected these credentials. If they are the current ones, the homeserver is
    /// asked now, or [`RefreshPolicy::floor`] after it was last asked for this reason.
    pub fn report_rejected(&mut self, now: Timestamp, server: &TurnServer) {
        let Some(held) = &mut self.held else { return };
        if held.server != *server {
            return;
        }
        held.is_rejected = true;
        if self.in_flight.is_some() || std::mem::replace(&mut self.asks_for_others, true) {
            return;
        }
        let not_before = self.last_rejection.map(|last| Deadline::after(last, self.policy.floor));
        match not_before.filter(|not_before| !not_before.is_reached(now)) {
            Some(not_before) => self.ask_by(now, not_before),
            None => {
                self.floor = None;
                self.ask_soon();
            }
        }
    }

    fn ask_by(&mut self, now: Timestamp, latest: Deadline) {
        if let NextRequest::At(due) = self.next_request
            && latest.remaining(now) < due.remaining(now)
        {
            self.next_request = NextRequest::At(latest);
        }
    }

    fn ask_soon(&mut self) {
        if matches!(self.next_request, NextRequest::NotBefore(_)) {
            return;
        }
        self.next_request = match self.last_sent {
            Some(sent) if self.last_failure.is_some() => {
                NextRequest::At(Deadline::after(sent, LEAST_SPACING))
            }
            _ => NextRequest::Now,
        };
    }

    /// Whether a request is to be sent now. If so, it counts as sent, and must be
    /// [`answered`](Self::answered).
    pub fn begin_request(&mut self, now: Timestamp) -> bool {
        let begins = self.subscribed && self.in_flight.is_none() && self.is_request_due(now);
        if begins {
            self.in_flight = Some(now);
            self.last_sent = Some(now);
            // It was kept, whatever the wall clock says later.
            self.floor = None;
            if std::mem::take(&mut self.asks_for_others) {
                self.last_rejection = Some(now);
            }
        }
        begins
    }

    fn is_request_due(&self, now: Timestamp) -> bool {
        self.next_request.is_due(now) && self.floor.is_none_or(|floor| floor.is_reached(now))
    }

    /// Whether an answer is on its way, or a request about to be sent.
    pub fn is_asking(&self, now: Timestamp) -> bool {
        self.in_flight.is_some() || (self.subscribed && self.is_request_due(now))
    }

    /// Whether the credentials that are held are as good as any: valid, not rejected, and with no
    /// less of their life left than the steady state leaves.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.held.as_ref().is_some_and(|held| {
            let may_be_unrefreshed = match held.expires {
                Some(_) => held.ttl.mul_f64(self.policy.refresh_at + self.policy.jitter),
                None => self.policy.retry_max,
            };
            let is_aged = Deadline::after(held.sent, may_be_unrefreshed).is_reached(now);
            !held.is_expired(now) && !held.is_rejected && !is_aged
        })
    }

    /// The request was answered, or failed. Ignored if none was in flight.
    pub fn answered(&mut self, now: Timestamp, answer: Result<Answer, Unavailable>) {
        let Some(sent) = self.in_flight.take() else { return };
        match answer {
            Ok(answer) => self.accept(now, sent, answer),
            Err(why) => self.fail(now, sent, why),
        }
        self.is_awaited = false;
    }

    fn accept(&mut self, now: Timestamp, sent: Timestamp, answer: Answer) {
        let Answer { server, ttl } = answer;
        let ttl = ttl.min(MAX_TTL);
        let expires = (!ttl.is_zero()).then(|| Deadline::after(sent, ttl));

        self.failures = 0;
        self.last_failure = None;
        self.floor = Some(Deadline::after(now, self.policy.floor));
        self.next_request = NextRequest::At(self.next_refresh(now, sent, ttl));
        self.failing_since = None;

        match &mut self.held {
            Some(held) if held.server == server => {
                held.server.extend(expires);
                (held.sent, held.ttl, held.expires) = (sent, ttl, expires);
            }
            held => {
                let server = server.expiring(expires);
                let state = TurnState::Available(server.clone());
                *held = Some(Held { server, sent, ttl, expires, is_rejected: false });
                self.publish(state);
            }
        }
        self.withdraw_expired(now);
    }

    fn next_refresh(&mut self, now: Timestamp, sent: Timestamp, ttl: Duration) -> Deadline {
        if ttl.is_zero() {
            let delay = self.unknown_ttl_delay;
            self.unknown_ttl_delay = delay.saturating_mul(2).min(self.policy.retry_max);
            return Deadline::after(now, delay);
        }
        self.unknown_ttl_delay = self.policy.floor;

        let RefreshPolicy { refresh_at, jitter, floor, .. } = self.policy;
        let late = self
            .failing_since
            .map_or(Duration::ZERO, |since| sent.monotonic.saturating_duration_since(since));
        let [floor, late] = [floor, late].map(|span| span.as_secs_f64() / ttl.as_secs_f64());
        let share =
            in_turn(self.uniform(refresh_at - jitter, refresh_at + jitter), late, refresh_at);
        let has_lost_its_turn = self.failing_since.is_some() && share < floor;
        let share = if std::mem::take(&mut self.spread) || has_lost_its_turn {
            let latest = EARLIEST_REFRESH + refresh_at;
            // Whatever fell below the floor would be asked for at the floor, all at once.
            self.uniform(EARLIEST_REFRESH.max(floor).min(latest), latest)
        } else {
            share
        };
        Deadline::after(sent, ttl.mul_f64(share))
    }

    fn fail(&mut self, now: Timestamp, sent: Timestamp, why: Unavailable) {
        use UnavailableReason::{
            Expired, Forbidden, LoggedOut, Misconfigured, NotConfigured, RateLimited, Unreachable,
        };

        self.next_request = match why.reason() {
            Unreachable | Expired => {
                // A request that hung until it timed out was part of the wait.
                let waited = now.monotonic.saturating_duration_since(sent.monotonic);
                let least = self.policy.retry_min.mul_f64(self.uniform(0.0, 1.0));
                let delay = self.retry_delay(now).saturating_sub(waited).max(least);
                NextRequest::At(Deadline::after(now, delay))
            }
            RateLimited => {
                // Later than asked by the usual delay, or all who were sent away come back at once.
                let delay = self.retry_delay(now);
                let asked = why.retry_after().unwrap_or(self.policy.retry_max);
                NextRequest::NotBefore(latest(now.monotonic, asked.saturating_add(delay)))
            }
            NotConfigured | Misconfigured => {
                let (low, high) = (1.0 - NOT_CONFIGURED_JITTER, 1.0 + NOT_CONFIGURED_JITTER);
                let interval = self.policy.not_configured_interval.mul_f64(self.uniform(low, high));
                NextRequest::At(Deadline::after(now, interval))
            }
            Forbidden => NextRequest::ForSubscriberAfter(Deadline::after(
                now,
                self.policy.forbidden_interval,
            )),
            LoggedOut => NextRequest::Never,
        };

        if why.reason().is_transient() {
            self.failures = self.failures.saturating_add(1);
            self.failing_since.get_or_insert(sent.monotonic);
        } else {
            // The homeserver has spoken: what it said before does not hold any more.
            self.failures = 0;
            self.failing_since = None;
            self.held = None;
        }
        self.last_failure = Some(why.clone());
        self.withdraw_expired(now);
        if self.held.is_none() {
            self.publish(TurnState::Unavailable(why));
        }
    }

    /// Full jitter under a ceiling that doubles with every failure in a row.
    fn retry_delay(&mut self, now: Timestamp) -> Duration {
        let RefreshPolicy { retry_min, retry_max, retry_max_expired, .. } = self.policy;
        let has_credentials = self.held.as_ref().is_some_and(|held| !held.is_expired(now));
        let ceiling = retry_min
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(if has_credentials { retry_max } else { retry_max_expired });
        ceiling.mul_f64(self.uniform(0.0, 1.0))
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        (high - low).mul_add(self.rng.f64(), low)
    }

    /// What to publish, if that changed. Only ever the newest; never credentials that have expired.
    pub fn take_update(&mut self, now: Timestamp) -> Option<TurnState> {
        self.withdraw_expired(now);
        self.published = Some(self.update.take()?);
        self.published.clone()
    }

    /// Whether whoever subscribes now is told nothing before the next answer.
    pub fn is_waiting_for_outcome(&self) -> bool {
        self.is_awaited
    }

    fn publish(&mut self, state: TurnState) {
        let is_known = self.published.as_ref().is_some_and(|known| state.is_known_from(known));
        self.update = (!is_known || self.is_awaited).then_some(state);
    }

    fn withdraw_expired(&mut self, now: Timestamp) {
        if !self.held.as_ref().is_some_and(|held| held.is_expired(now)) {
            return;
        }
        self.held = None;
        let why = self
            .last_failure
            .clone()
            .unwrap_or_else(|| Unavailable::new(UnavailableReason::Expired));
        self.publish(TurnState::Unavailable(why));

        // Delays were drawn for somebody who has credentials.
        if let NextRequest::At(due) = self.next_request {
            let delay = self.policy.retry_max_expired.mul_f64(self.uniform(0.0, 1.0));
            // From now on both clocks: what a wall clock set ahead made due stays due when it is
            // set back.
            let delay = delay.min(due.remaining(now));
            self.next_request = NextRequest::At(Deadline::after(now, delay));
        }
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
        let expiry = self.held.as_ref().and_then(|held| held.expires).map(|e| e.remaining(now));
        [expiry, self.next_request_in(now)].into_iter().flatten().min()
    }

    /// How long until the next request is due. `None` if none is: nobody is subscribed, one is in
    /// flight, or only an event can bring it about.
    pub fn next_request_in(&self, now: Timestamp) -> Option<Duration> {
        if !self.subscribed || self.in_flight.is_some() {
            return None;
        }
        let due = self.next_request.remaining(now)?;
        match self.floor {
            Some(floor) if due < self.policy.floor => Some(due.max(floor.remaining(now))),
            _ => Some(due),
        }
    }
}

impl Held {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires.is_reached(now))
    }
}

/// The `share` of the TTL at which to refresh what was asked for `late`, by another share of it: at
/// the next moment that this client would have asked at had nothing failed. Whoever was there during
/// an outage comes out of it together with all others; so each keeps its turn among them.
fn in_turn(share: f64, late: f64, period: f64) -> f64 {
    let due = share - late;
    let missed = ((EARLIEST_REFRESH - due) / period).ceil().max(0.0);
    due + missed * period
}

/// `start + span`, or as late as the clock can tell.
fn latest(start: Instant, span: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    start.checked_add(span.min(CENTURY)).unwrap_or(start)
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
        use UnavailableReason::{Forbidden, LoggedOut, NotConfigured, Unreachable};

        for reason in [NotConfigured, Forbidden, LoggedOut, Unreachable] {
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
    fn s03_after_an_outage_a_client_asks_when_it_would_have_without() {
        let on_time = |late| in_turn(0.65, late, 2.0 / 3.0);
        assert_eq!(on_time(0.0), 0.65);
        assert!((on_time(0.25) - 0.4).abs() < 1e-9);
        // Its turn comes too soon: the one after.
        assert!((on_time(0.64) - (0.01 + 2.0 / 3.0)).abs() < 1e-9);
        let (earliest, latest) = (EARLIEST_REFRESH - 1e-9, 0.7 + 1e-9);
        for late in 0..100_000 {
            let share = on_time(f64::from(late) / 100.0);
            assert!((earliest..latest).contains(&share), "{late}: {share}");
        }
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
}
