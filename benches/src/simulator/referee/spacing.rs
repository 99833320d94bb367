//! S1, S3 to S5, S7 and S9 to S11: when each request may be sent, and when it must be.

use std::time::{Duration, Instant};

use matrix_sdk_turn::{Timestamp, schedule::Saved};

use super::{
    super::{
        homeserver::ReplyKind,
        run::{Violation, ensure},
    },
    demand::{Demand, soon},
    facts::{Answer, Facts, Request},
    numbers::{
        AFTER_SUCCESS, HOUR, RETRY_MAX, RETRY_MAX_EXPIRED, RETRY_MIN, ROUNDING, after, passed,
    },
    refreshes::Refreshes,
    retries::Retries,
};

/// S5: how long to wait if the homeserver does not say, and at most if it does.
const DEFAULT_RETRY_AFTER: Duration = RETRY_MAX;
const MAX_RETRY_AFTER: Duration = HOUR;
/// S7: after how long a homeserver without TURN is asked again.
const NOT_CONFIGURED_INTERVAL: Duration = HOUR;
const NOT_CONFIGURED_JITTER: f64 = 0.1;
/// S7: after how long a homeserver that refused is asked again for a new subscriber.
const FORBIDDEN_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Judges when requests are sent.
#[derive(Debug)]
pub(super) struct Spacing {
    demand: Demand,
    refreshes: Refreshes,
    retries: Retries,
    /// By when the next request must have been sent, if somebody subscribes.
    due_by: Option<Instant>,
    /// It is due because the credentials expired.
    is_brought_forward: bool,
}

impl Spacing {
    pub(super) fn new() -> Self {
        let (demand, refreshes, retries) =
            (Demand::default(), Refreshes::new(), Retries::default());
        Self { demand, refreshes, retries, due_by: None, is_brought_forward: false }
    }

    pub(super) fn subscribe(&mut self, facts: &Facts, now: Timestamp) {
        let asks = match facts.answer {
            Some(Answer { kind: ReplyKind::Forbidden, received }) => {
                passed(received, now) >= FORBIDDEN_INTERVAL
            }
            _ => facts.request.is_none(),
        };
        if asks && !facts.is_in_flight() {
            self.due_by = Some(now.monotonic);
        }
    }

    pub(super) fn refresh(&mut self, facts: &Facts, now: Timestamp) {
        if self.demand.refresh(facts, now) {
            self.due_by = Some(soon(facts, now));
        }
    }

    /// The current credentials were rejected.
    pub(super) fn reject(&mut self, facts: &Facts, now: Timestamp) {
        self.due_by = self.demand.reject(facts, now, self.due_by);
    }

    /// The machine slept, or its wall clock was set: what was due on that clock may come at once.
    pub(super) fn disturb(&mut self) {
        self.retries.excuse_one();
    }

    pub(super) fn send(&mut self, facts: &Facts, now: Timestamp) -> Result<(), Violation> {
        ensure(!facts.is_in_flight(), "S1: two requests in flight")?;
        ensure(facts.subscribers > 0, "S11: a request while nobody subscribes")?;
        self.judge_earliest(facts, now)?;
        // What fell due while nobody subscribed is sent for the first who does.
        let subscribed_now =
            facts.subscribed_at.is_some_and(|since| since.monotonic == now.monotonic);
        ensure(subscribed_now || self.is_in_time(facts, now), "a request later than it was due")?;

        if self.demand.is_any() {
            self.retries.excuse_one();
        }
        self.demand.satisfy(now);
        self.due_by = None;
        Ok(())
    }

    fn judge_earliest(&self, facts: &Facts, now: Timestamp) -> Result<(), Violation> {
        let Some(Answer { received, kind }) = facts.answer else { return Ok(()) };
        let is_demanded = self.demand.allows_request_after_failure(facts, now);
        match kind {
            ReplyKind::Credentials => {
                ensure(
                    self.demand.is_rejection_pending() || passed(received, now) >= AFTER_SUCCESS,
                    "S3: a request within 10 s of a success",
                )?;
                ensure(
                    self.demand.allows_early_refresh(now) || self.refreshes.may_be_sent(now),
                    "S3: a refresh earlier than it may be due",
                )
            }
            ReplyKind::HttpError | ReplyKind::NetworkError | ReplyKind::Hang => {
                self.retries.judge(now.monotonic)
            }
            ReplyKind::RateLimited(retry_after) => ensure(
                now.monotonic >= end_of_rate_limit(received, retry_after),
                "S5: a request earlier than retry_after",
            ),
            ReplyKind::NotConfigured | ReplyKind::Misconfigured => {
                let earliest = NOT_CONFIGURED_INTERVAL.mul_f64(1.0 - NOT_CONFIGURED_JITTER);
                ensure(
                    is_demanded
                        || self.is_brought_forward
                        || passed(received, now) + ROUNDING >= earliest,
                    "S7: not configured, and asked again within the hour",
                )
            }
            // Nothing but somebody who subscribed late enough makes it due.
            ReplyKind::Forbidden => ensure(
                is_demanded || self.due_by.is_some(),
                "S7: forbidden, and asked again for no one",
            ),
            ReplyKind::LoggedOut => Err("S7: logged out, and asked again".to_owned()),
        }
    }

    /// Plans what may and must follow the newest answer.
    pub(super) fn receive(&mut self, facts: &Facts) {
        let (Some(Request { sent, .. }), Some(Answer { received, kind })) =
            (facts.request, facts.answer)
        else {
            return;
        };
        self.is_brought_forward = false;
        self.due_by = match kind {
            ReplyKind::Credentials => {
                if std::mem::take(&mut self.retries).is_any() {
                    self.refreshes.recover();
                }
                Some(match facts.held.as_ref().and_then(|held| held.lifetime) {
                    Some((sent, ttl)) => self.refreshes.plan(sent, ttl),
                    None => self.refreshes.plan_for_unknown_ttl(received),
                })
            }
            ReplyKind::HttpError | ReplyKind::NetworkError | ReplyKind::Hang => {
                let delay = self.retries.fail(received.monotonic, facts.held.is_some());
                // A request that hung was part of the wait.
                Some(after(sent.monotonic, delay).max(after(received.monotonic, RETRY_MIN)))
            }
            ReplyKind::RateLimited(retry_after) => {
                let delay = self.retries.fail(received.monotonic, facts.held.is_some());
                Some(after(end_of_rate_limit(received, retry_after), delay))
            }
            ReplyKind::NotConfigured | ReplyKind::Misconfigured => {
                self.retries = Retries::default();
                let latest = NOT_CONFIGURED_INTERVAL.mul_f64(1.0 + NOT_CONFIGURED_JITTER);
                Some(after(received.monotonic, latest))
            }
            ReplyKind::Forbidden | ReplyKind::LoggedOut => {
                self.retries = Retries::default();
                None
            }
        };
    }

    /// What was received is saved, and with it when it is to be refreshed.
    pub(super) fn save(&mut self, facts: &Facts, saved: &Saved) -> Result<(), Violation> {
        let lifetime = facts.held.as_ref().and_then(|held| held.lifetime);
        let (Some((sent, _)), false) = (lifetime, facts.is_restored) else { return Ok(()) };
        let span = saved.refresh.duration_since(sent.wall).unwrap_or_default();
        let due = after(sent.monotonic, span);
        let is_early = !self.refreshes.fix(sent, span);
        let is_late = self.due_by.is_none_or(|due_by| due > after(due_by, ROUNDING));
        self.due_by = Some(due);
        ensure(!is_early && !is_late, "S14: a refresh is saved that cannot be due then")
    }

    /// An earlier process left credentials, and had chosen when to refresh them. They answer what was
    /// asked for until now.
    pub(super) fn restore(&mut self, now: Timestamp, saved: &Saved) {
        let until_refresh = saved.refresh.duration_since(now.wall).unwrap_or_default();
        self.refreshes.restore(now, until_refresh);
        self.demand = Demand::default();
        self.due_by = Some(after(now.monotonic, until_refresh));
    }

    /// The credentials have just expired: a request that is due later comes forward.
    pub(super) fn expire(&mut self, facts: &Facts, now: Timestamp) {
        match facts.last_kind() {
            Some(ReplyKind::Credentials) => self.refreshes.expire(),
            Some(ReplyKind::HttpError | ReplyKind::NetworkError | ReplyKind::Hang) => {}
            Some(ReplyKind::NotConfigured | ReplyKind::Misconfigured) => {
                self.is_brought_forward = true;
            }
            _ => return,
        }
        let latest = after(now.monotonic, RETRY_MAX_EXPIRED);
        self.due_by = self.due_by.map(|due_by| due_by.min(latest));
    }

    /// Whether a request is due some day.
    pub(super) fn is_due(&self) -> bool {
        self.due_by.is_some()
    }

    /// Whether the next request may still be waited for.
    pub(super) fn is_in_time(&self, facts: &Facts, now: Timestamp) -> bool {
        let not_before = match facts.answer {
            Some(Answer { kind: ReplyKind::Credentials, received })
                if !self.demand.is_rejection_pending() =>
            {
                Some(after(received.monotonic, AFTER_SUCCESS))
            }
            _ => None,
        };
        self.due_by.is_some_and(|due_by| {
            now.monotonic <= after(due_by.max(not_before.unwrap_or(due_by)), ROUNDING)
        })
    }
}

/// S5: from when on a request may be sent again. The wall clock, which may be wrong, has no say.
fn end_of_rate_limit(received: Timestamp, retry_after: Option<Duration>) -> Instant {
    after(received.monotonic, retry_after.unwrap_or(DEFAULT_RETRY_AFTER).min(MAX_RETRY_AFTER))
}
