//! Knows the rules, and watches a run for a breach of them.
//!
//! It restates rules S1 to S13 as what an onlooker can see, without a look inside the schedule: of
//! each request the earliest and the latest moment it may be sent at, and of each moment what a
//! subscriber must be seeing.

use std::time::{Duration, Instant};

use matrix_sdk_turn::{Timestamp, TurnServer, TurnState, UnavailableReason, schedule::MAX_TTL};

use super::{
    homeserver::{Reply, ReplyKind},
    run::{Moment, Note, Observer, Violation},
    script::{Event, Outage, Script},
};

const SECOND: Duration = Duration::from_secs(1);
const FLOOR: Duration = Duration::from_secs(10);
const LONGEST_TIMER: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(60 * 60);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A refresh falls into this share of the TTL, counted from when the request was sent.
const EARLIEST_REFRESH: f64 = 2.0 / 3.0 - 0.05;
const LATEST_REFRESH: f64 = 2.0 / 3.0 + 0.05;
/// At a start, and after failures, it may come this early.
const EARLIEST_FIRST_REFRESH: f64 = 0.7 - 2.0 / 3.0;

const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);
const RETRY_MAX_EXPIRED: Duration = Duration::from_secs(10);
const FORBIDDEN_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The share of the TTL that can be counted on when an outage begins.
const LEFT_AT_WORST: f64 = 0.28;

/// So many requests in a row may fail within no time at all, and so many more per second: twice as
/// many as full jitter under a ceiling of 10 s sends in the mean, which is no coincidence ever.
const FAILURES_AT_ONCE: f64 = 12.0;
const FAILURES_PER_SECOND: f64 = 0.4;

/// What rounding a share of a TTL may cost.
const ROUNDING: Duration = Duration::from_millis(1);

/// Watches one run.
#[derive(Debug)]
pub struct Referee {
    outage: Option<Outage>,
    ends_well: bool,
    ttl: Duration,

    subscribers: usize,
    subscribed_at: Option<Timestamp>,
    in_flight: Option<Timestamp>,
    last_sent: Option<Timestamp>,
    last: Last,
    /// What a subscriber must be seeing.
    expected: Option<Expected>,
    /// What a subscriber sees who has been there for a while.
    seen: Option<TurnState>,
    newcomer: Newcomer,
    /// The newest failure, if nothing succeeded since.
    last_failure: Option<UnavailableReason>,
    /// By when the next request must have been sent, if somebody subscribes.
    due_by: Option<Instant>,
    failures: Failures,
    /// The next refresh spreads clients that started together, or came out of an outage together.
    may_spread: bool,
    /// `refresh()` was called since the last request, and had a right to be heard.
    refreshed: bool,
    /// `report_rejected()` was.
    rejected: bool,
    /// And was too soon after the last one: a request is due, but not yet.
    rejected_again: bool,
    /// When a request was last sent for that.
    last_rejection: Option<Timestamp>,
    /// Until when the newest success excuses a delay.
    floor: Option<Instant>,
    unknown_ttl_delay: Duration,
    /// In true time: since when a subscriber has been without, and for how long before that.
    succeeded: bool,
    without_since: Option<Duration>,
    stale: Duration,
}

#[derive(Debug)]
struct Expected {
    server: TurnServer,
    /// When it was asked for, and for how long it holds. `None`: not known.
    holds: Option<(Timestamp, Duration)>,
}

/// Somebody who subscribed while there was nothing to see that is not out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newcomer {
    /// There is none, or not any more.
    Served,
    Waits,
    /// The answer is there: now.
    IsDue,
}

/// The last answer.
#[derive(Clone, Copy, Debug)]
enum Last {
    Nothing,
    Success { sent: Timestamp, answered: Timestamp, earliest: Duration },
    Transient,
    RateLimited { not_before: Instant },
    NotConfigured { answered: Timestamp },
    Forbidden { answered: Timestamp },
    LoggedOut,
}

/// Transient failures in a row.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    since: Option<Instant>,
    /// Requests that somebody else than the schedule is the cause of.
    excused: u32,
}

/// How long ago `then` was, by the clock that says more.
fn passed(then: Timestamp, now: Timestamp) -> Duration {
    let monotonic = now.monotonic.saturating_duration_since(then.monotonic);
    monotonic.max(now.wall.duration_since(then.wall).unwrap_or(Duration::ZERO))
}

fn after(start: Instant, span: Duration) -> Instant {
    start + span.min(CENTURY)
}

fn ensure(holds: bool, rule: &str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

impl Referee {
    /// A referee for a run of this script.
    pub fn new(script: &Script) -> Self {
        Self {
            outage: script.outage,
            ends_well: script.ends_well,
            ttl: script.phases[0].ttl,
            subscribers: 0,
            subscribed_at: None,
            in_flight: None,
            last_sent: None,
            last: Last::Nothing,
            expected: None,
            seen: None,
            newcomer: Newcomer::Served,
            last_failure: None,
            due_by: None,
            failures: Failures::default(),
            may_spread: true,
            refreshed: false,
            rejected: false,
            rejected_again: false,
            last_rejection: None,
            floor: None,
            unknown_ttl_delay: FLOOR,
            succeeded: false,
            without_since: None,
            stale: Duration::ZERO,
        }
    }

    fn happened(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::Subscribe => {
                self.subscribers += 1;
                let waited = match self.last {
                    Last::Forbidden { answered } => passed(answered, now) >= FORBIDDEN_INTERVAL,
                    _ => self.last_sent.is_none(),
                };
                if waited && self.in_flight.is_none() {
                    self.due_by = Some(now.monotonic);
                }
                if self.subscribers == 1 {
                    self.subscribed_at = Some(now);
                }
            }
            Event::Unsubscribe => {
                self.subscribers = self.subscribers.saturating_sub(1);
            }
            Event::Refresh => {
                let too_soon = match self.last {
                    Last::Success { answered, .. } => {
                        !self.rejected && passed(answered, now) < FLOOR
                    }
                    Last::RateLimited { .. } => true,
                    _ => false,
                };
                if self.in_flight.is_none() && !too_soon {
                    self.refreshed = true;
                    self.due_by = Some(self.soon(now));
                }
            }
            Event::RejectCurrent => {
                let current = match (&self.expected, &self.seen) {
                    (Some(expected), Some(TurnState::Available(seen))) => expected.server == *seen,
                    _ => false,
                };
                let is_news = current && !self.rejected && !self.rejected_again;
                if !is_news || self.in_flight.is_some() {
                    return;
                }
                let last = self.last_rejection.filter(|last| passed(*last, now) < FLOOR);
                let due_by = match last {
                    Some(last) => {
                        self.rejected_again = true;
                        let due_by = after(last.monotonic, FLOOR);
                        self.due_by.map_or(due_by, |sooner| sooner.min(due_by))
                    }
                    None => {
                        self.rejected = true;
                        self.floor = None;
                        self.soon(now)
                    }
                };
                if !matches!(self.last, Last::RateLimited { .. }) {
                    self.due_by = Some(due_by);
                }
            }
            // Whatever was due on the wall clock may come at once.
            Event::Sleep(_) | Event::SetWall(_) => self.failures.excused += 1,
            Event::RejectOthers => {}
        }
    }

    /// As soon as somebody asks for it: one second after a request that failed.
    fn soon(&self, now: Timestamp) -> Instant {
        match (self.last_sent, self.last_failure) {
            (Some(sent), Some(_)) => now.monotonic.max(after(sent.monotonic, SECOND)),
            _ => now.monotonic,
        }
    }

    fn sent(&mut self, now: Timestamp) -> Result<(), Violation> {
        ensure(self.in_flight.is_none(), "S1: two requests in flight")?;
        ensure(self.subscribers > 0, "S11: a request while nobody subscribes")?;
        self.not_too_early(now)?;
        let subscribed_at = self.subscribed_at.map(|since| since.monotonic);
        let late = !self.is_in_time(now) && subscribed_at != Some(now.monotonic);
        ensure(!late, "a request later than it was due")?;

        if self.refreshed || self.rejected || self.rejected_again {
            self.failures.excused += 1;
        }
        if self.rejected || self.rejected_again {
            self.last_rejection = Some(now);
        }
        self.refreshed = false;
        self.rejected = false;
        self.rejected_again = false;
        self.floor = None;
        self.in_flight = Some(now);
        self.last_sent = Some(now);
        self.due_by = None;
        Ok(())
    }

    fn not_too_early(&self, now: Timestamp) -> Result<(), Violation> {
        let spaced = self.last_sent.is_none_or(|sent| passed(sent, now) + ROUNDING >= SECOND);
        let on_demand = self.refreshed && spaced;
        match self.last {
            Last::Nothing => Ok(()),
            Last::Success { sent, answered, earliest } => {
                ensure(
                    self.rejected || passed(answered, now) >= FLOOR,
                    "S3: a request within 10 s of a success",
                )?;
                ensure(
                    self.rejected
                        || self.rejected_again
                            && self.last_rejection.is_some_and(|last| passed(last, now) >= FLOOR)
                        || self.refreshed
                        || passed(sent, now) + ROUNDING >= earliest
                        || passed(answered, now) >= earliest.max(FLOOR),
                    "S3: a refresh earlier than it may be due",
                )
            }
            Last::Transient => {
                let since = self.failures.since.unwrap_or(now.monotonic);
                let seconds = now.monotonic.saturating_duration_since(since).as_secs_f64();
                let most = FAILURES_PER_SECOND.mul_add(seconds, FAILURES_AT_ONCE)
                    + f64::from(self.failures.excused);
                ensure(f64::from(self.failures.count) <= most, "S4: more retries than full jitter")
            }
            Last::RateLimited { not_before } => {
                ensure(now.monotonic >= not_before, "S5: a request earlier than retry_after")
            }
            Last::NotConfigured { answered } => ensure(
                passed(answered, now) + ROUNDING >= HOUR.mul_f64(0.9) || on_demand,
                "S7: not configured, and asked again within the hour",
            ),
            // Somebody who subscribed late enough is what made it due.
            Last::Forbidden { .. } => ensure(
                self.due_by.is_some() || on_demand,
                "S7: forbidden, and asked again for no one",
            ),
            Last::LoggedOut => ensure(on_demand, "S7: logged out, and asked again"),
        }
    }

    fn answered(&mut self, now: Timestamp, reply: &Reply) -> Result<(), Violation> {
        let Some(sent) = self.in_flight.take() else {
            return Err("an answer to no request".to_owned());
        };
        if self.newcomer == Newcomer::Waits {
            self.newcomer = Newcomer::IsDue;
        }
        self.expire(now);
        self.last_failure = reply.failure();
        match (&reply.credentials, reply.kind) {
            (Some((server, ttl)), _) => self.succeeded(now, sent, server, *ttl),
            (None, ReplyKind::RateLimited(retry_after)) => {
                let ceiling = self.failed(now);
                let not_before = after(now.monotonic, retry_after.unwrap_or(RETRY_MAX));
                self.last = Last::RateLimited { not_before };
                self.due_by = Some(after(not_before, ceiling));
            }
            (None, ReplyKind::HttpError | ReplyKind::NetworkError | ReplyKind::Hang) => {
                let ceiling = self.failed(now);
                self.last = Last::Transient;
                self.due_by =
                    Some(after(sent.monotonic, ceiling).max(after(now.monotonic, RETRY_MIN)));
            }
            (None, kind) => {
                self.expected = None;
                self.failures = Failures::default();
                (self.last, self.due_by) = match kind {
                    ReplyKind::Forbidden => (Last::Forbidden { answered: now }, None),
                    ReplyKind::LoggedOut => (Last::LoggedOut, None),
                    _ => {
                        let latest = after(now.monotonic, HOUR.mul_f64(1.1));
                        (Last::NotConfigured { answered: now }, Some(latest))
                    }
                };
            }
        }
        Ok(())
    }

    fn succeeded(&mut self, now: Timestamp, sent: Timestamp, server: &TurnServer, ttl: Duration) {
        let ttl = ttl.min(MAX_TTL);
        self.succeeded = true;
        self.floor = Some(after(now.monotonic, FLOOR));
        self.may_spread |= self.failures.count > 0;
        self.failures = Failures::default();

        let (earliest, latest);
        if ttl.is_zero() {
            earliest = self.unknown_ttl_delay;
            latest = after(now.monotonic, self.unknown_ttl_delay);
            self.unknown_ttl_delay = (self.unknown_ttl_delay * 2).min(RETRY_MAX);
        } else {
            let spread = std::mem::take(&mut self.may_spread);
            earliest = ttl.mul_f64(if spread { EARLIEST_FIRST_REFRESH } else { EARLIEST_REFRESH });
            latest = after(sent.monotonic, ttl.mul_f64(LATEST_REFRESH));
            self.unknown_ttl_delay = FLOOR;
        }
        // An unknown TTL counts from the answer, which is later than the request.
        let from = if ttl.is_zero() { now } else { sent };
        self.last = Last::Success { sent: from, answered: now, earliest };
        self.due_by = Some(latest);
        let holds = (!ttl.is_zero()).then_some((sent, ttl));
        self.expected = Some(Expected { server: server.clone(), holds });
        self.expire(now);
    }

    /// One more transient failure. Returns the longest delay that may follow it.
    fn failed(&mut self, now: Timestamp) -> Duration {
        let doubled = SECOND.saturating_mul(2_u32.saturating_pow(self.failures.count));
        self.failures.count += 1;
        self.failures.since.get_or_insert(now.monotonic);
        doubled.min(if self.expected.is_some() { RETRY_MAX } else { RETRY_MAX_EXPIRED })
    }

    /// Credentials that one of the clocks says have expired are no credentials.
    fn expire(&mut self, now: Timestamp) {
        let expired = self.expected.as_ref().and_then(|expected| expected.holds);
        if expired.is_none_or(|(sent, ttl)| passed(sent, now) < ttl) {
            return;
        }
        self.expected = None;
        let soon = after(now.monotonic, RETRY_MAX_EXPIRED);
        match &mut self.last {
            Last::Success { earliest, .. } => {
                // Even if the wall clock that said so is set back.
                *earliest = Duration::ZERO;
                self.due_by = self.due_by.map(|due_by| due_by.min(soon));
            }
            Last::Transient => self.due_by = self.due_by.map(|due_by| due_by.min(soon)),
            _ => {}
        }
    }

    fn updated(&mut self, now: Timestamp, state: &TurnState) -> Result<(), Violation> {
        self.expire(now);
        if let TurnState::Available(server) = state {
            ensure(!server.is_expired(now), "S6: published after expiry")?;
        }
        let is_known = self.seen.as_ref() == Some(state) && self.newcomer != Newcomer::IsDue;
        ensure(!is_known, "S12: woken for what was known before")?;
        self.seen = Some(state.clone());
        if self.newcomer == Newcomer::IsDue {
            self.newcomer = Newcomer::Served;
        }
        Ok(())
    }

    fn waiting(&mut self, now: Timestamp, wakeup: Option<Instant>) -> Result<(), Violation> {
        self.expire(now);
        if self.subscribers == 0 {
            return ensure(wakeup.is_none(), "S11: a timer while nobody subscribes");
        }
        self.sees_the_newest()?;
        ensure(self.newcomer != Newcomer::IsDue, "who subscribed last sees no answer")?;

        let Some(wakeup) = wakeup else {
            ensure(
                self.in_flight.is_some() || self.due_by.is_none(),
                "a request is due some day, and no timer is set",
            )?;
            let expires = self.expected.as_ref().is_some_and(|expected| expected.holds.is_some());
            return ensure(!expires, "S6: credentials expire, and no timer is set");
        };
        ensure(wakeup <= now.monotonic + LONGEST_TIMER, "S8: a timer beyond 30 s")?;
        if let Some((sent, ttl)) = self.expected.as_ref().and_then(|expected| expected.holds) {
            ensure(
                wakeup <= after(sent.monotonic, ttl),
                "S6: credentials expire before the timer goes off",
            )?;
        }
        ensure(
            self.in_flight.is_some() || self.due_by.is_none() || self.is_in_time(now),
            "a request is due, and was not sent",
        )
    }

    /// Whether the next request may still be waited for.
    fn is_in_time(&self, now: Timestamp) -> bool {
        self.due_by.is_some_and(|due_by| {
            now.monotonic <= after(due_by.max(self.floor.unwrap_or(due_by)), ROUNDING)
        })
    }

    fn sees_the_newest(&self) -> Result<(), Violation> {
        match (&self.expected, &self.seen) {
            (Some(expected), Some(TurnState::Available(seen))) => {
                ensure(expected.server == *seen, "a subscriber sees other than the newest")
            }
            (Some(_), _) => Err("a subscriber does not see what there is".to_owned()),
            (None, Some(TurnState::Available(_))) => {
                Err("S6: credentials that have expired, or do not hold any more, stay published"
                    .to_owned())
            }
            (None, Some(TurnState::Unavailable(why))) => ensure(
                why.reason() == self.last_failure.unwrap_or(UnavailableReason::Expired),
                "a subscriber sees another reason than the newest",
            ),
            (None, None) => ensure(
                self.in_flight.is_some() || matches!(self.last, Last::Nothing),
                "a subscriber sees nothing at all, and no answer is on its way",
            ),
        }
    }

    /// How long a subscriber has been without, after the first success.
    fn count_stale(&mut self, elapsed: Duration) {
        let since = self.without_since.take();
        self.stale += since.map_or(Duration::ZERO, |since| elapsed - since);
        if self.subscribers > 0 && self.succeeded && self.expected.is_none() {
            self.without_since = Some(elapsed);
        }
    }

    fn end(&self) -> Result<(), Violation> {
        if let Some(Outage { length, latency }) = self.outage {
            let inevitable = length.saturating_sub(self.ttl.mul_f64(LEFT_AT_WORST));
            // The last request to fail may have been sent when the outage was all but over.
            let most = inevitable + RETRY_MAX_EXPIRED + latency;
            if self.stale > most {
                return Err(format!("stale for {:?}, where {most:?} are inevitable", self.stale));
            }
        }
        let silenced = matches!(
            self.last,
            Last::Forbidden { .. } | Last::LoggedOut | Last::RateLimited { .. }
        );
        let well = !self.ends_well || silenced || self.expected.is_some();
        ensure(well, "a subscriber to a healthy homeserver ends up with nothing")
    }
}

impl Observer for Referee {
    fn note(&mut self, Moment { elapsed, now }: Moment, note: &Note<'_>) -> Result<(), Violation> {
        match note {
            Note::Event(event) => self.happened(now, event),
            Note::Awaited => {
                self.newcomer = Newcomer::Waits;
                if self.subscribers == 1 {
                    self.seen = None;
                }
            }
            Note::Sent => self.sent(now)?,
            Note::Answered(reply) => self.answered(now, reply)?,
            Note::Update(state) => self.updated(now, state)?,
            Note::Waiting(wakeup) => self.waiting(now, *wakeup)?,
            Note::End => self.end()?,
        }
        self.count_stale(elapsed);
        Ok(())
    }
}
