//! S3, S4, S5 and S7: when the next request is due after an answer.

use std::time::Duration;

use super::{
    Name, Rules, Why,
    requests::Due,
    sight::Held,
    time::{DAY, HOUR, MINUTE, Moment, Nanos, SECOND, Share, Span, at, nanos},
};

/// Failures since the last success, and the transient ones since the homeserver last spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Failing {
    pub(super) why: Option<Why>,
    pub(super) in_a_row: u32,
    transient: u32,
    /// When the first of the transient ones was sent, on the monotonic clock.
    since: Nanos,
}

/// S3: what the next refresh depends on besides the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Refreshes {
    pub(super) is_first: bool,
    unknown_ttl_delay: Nanos,
}

impl Default for Refreshes {
    fn default() -> Self {
        Self { is_first: true, unknown_ttl_delay: 10 * SECOND }
    }
}

impl Rules {
    /// S3: refresh at 2/3 of the TTL, and never sooner than 10 s after the last success.
    /// S13: a TTL beyond 30 days counts as 30 days.
    pub(super) fn s03_succeed(&mut self, sent: Moment, name: Name, ttl: Duration) {
        let is_cut = nanos(ttl) > 30 * DAY;
        let ttl = nanos(ttl).min(30 * DAY);
        let late = std::mem::take(&mut self.failing).late(sent);
        let (start, span) = match ttl {
            0 => (Moment::NOW, self.refreshes.s03_unknown_ttl()),
            _ => (sent, self.refreshes.s03_known_ttl(self.luck, ttl, late)),
        };
        self.requests.plan_after_answer("S3", Due::At(span.from(start)));
        self.requests.floor = Moment::after(10 * SECOND);
        let rule = if is_cut { "S13" } else { "S6" };
        self.hold(Held::new(rule, name, sent, ttl, span));
        self.s06_withdraw_expired();
    }

    /// The request of the moment `sent` failed.
    pub(super) fn fail(&mut self, sent: Moment, why: Why) {
        self.failing.count(why, sent);
        // S9: after a failure at most once per second.
        self.requests.spacing = sent.plus(SECOND);
        match why {
            Why::Unreachable | Why::Expired | Why::Rejected => self.s04_back_off(-sent.monotonic),
            Why::RateLimited { retry_after } => self.s05_rate_limit(retry_after),
            Why::NotConfigured | Why::Misconfigured => self.s07_not_configured(),
            Why::Forbidden => self.s07_on_demand(5 * MINUTE),
            Why::NotLoggedIn | Why::SoftLoggedOut => self.s07_on_demand(0),
            Why::LoggedOut => {}
        }
    }

    /// S4: full jitter under a ceiling. A request that hung for that long has waited.
    fn s04_back_off(&mut self, waited: Nanos) {
        let ceiling = self.s04_ceiling();
        let delay = |share| (at(share, 0, ceiling) - waited).max(at(share, 0, SECOND));
        let most = (ceiling - waited).max(SECOND);
        let span = Span::drawn(self.luck, (0, most), ceiling, delay);
        self.requests.plan_after_answer("S4", Due::At(span.from(Moment::NOW)));
    }

    /// S4: the ceiling is 1 s, doubling to 60 s, or to 10 s without valid credentials.
    fn s04_ceiling(&self) -> Nanos {
        let highest = if self.held.is_some() { MINUTE } else { 10 * SECOND };
        (SECOND << self.failing.transient.saturating_sub(1).min(6)).min(highest)
    }

    /// S5: not before the server's `retry_after`, which counts as a second at least and an hour at
    /// most; if it names none, or zero, not before 60 s. Jitter as after any failure follows.
    fn s05_rate_limit(&mut self, retry_after: Option<Duration>) {
        let named = retry_after.map(nanos).filter(|named| *named > 0);
        let pause = named.unwrap_or(MINUTE).clamp(SECOND, HOUR);
        let jitter = Span::evenly(self.luck, 0, self.s04_ceiling());
        let until = jitter.plus(pause).from(Moment::NOW);
        self.requests.plan_after_answer("S5", Due::NotBefore(until));
    }

    /// S7: not configured, or misconfigured: hourly ± 10%, and for a new subscriber after 5 min.
    fn s07_not_configured(&mut self) {
        let span = Span::evenly(self.luck, 54 * MINUTE, 66 * MINUTE);
        self.requests.plan_after_answer("S7", Due::At(span.from(Moment::NOW)));
        self.requests.for_subscriber = Some(Moment::after(5 * MINUTE));
    }

    /// S7: forbidden: for a new subscriber after 5 min; not logged in: for a new subscriber.
    fn s07_on_demand(&mut self, for_subscriber: Nanos) {
        self.requests.plan_after_answer("S7", Due::OnDemand);
        self.requests.for_subscriber = Some(Moment::after(for_subscriber));
    }

    /// S7: not logged in: when the session is renewed.
    pub(super) fn s07_renew_session(&mut self) {
        if matches!(self.failing.why, Some(Why::NotLoggedIn | Why::SoftLoggedOut)) {
            self.requests.s09_refresh();
        }
    }

    /// S7: logged out: never. S6: that withdraws what is valid, and nothing else does.
    pub(super) fn s07_end_session(&mut self) {
        self.failing.count(Why::LoggedOut, Moment::NOW);
        self.requests.end();
        self.held = None;
        self.sight.answer();
    }
}

impl Refreshes {
    /// S3: asked again after 10 s, 20 s, 40 s, then every 60 s.
    fn s03_unknown_ttl(&mut self) -> Span {
        let delay = self.unknown_ttl_delay;
        self.unknown_ttl_delay = (2 * delay).min(MINUTE);
        Span::exactly(delay)
    }

    /// S3: 2/3 of the TTL ± 5% of it, from the moment the request was sent. The first one after a start
    /// uniformly between 0.033 and 0.7 of the TTL; the first one after failures when it would have been
    /// due without them. A client whose turn comes within 10 s takes another one.
    fn s03_known_ttl(&mut self, luck: Option<Share>, ttl: Nanos, late: Option<Nanos>) -> Span {
        self.unknown_ttl_delay = 10 * SECOND;
        let (earliest, latest) = (ttl / 30, ttl / 10 * 7);
        let (usual, most) = (ttl / 60 * 37, ttl / 60 * 43);
        let least_anew = earliest.max(10 * SECOND).min(latest);
        let anew = |share| at(share, least_anew, latest);
        if std::mem::take(&mut self.is_first) {
            return Span::drawn(luck, (least_anew, latest), latest - earliest, anew);
        }
        let Some(late) = late else { return Span::evenly(luck, usual, most) };
        Span::drawn(luck, (earliest, most), latest - earliest, |share| {
            let due = at(share, usual, most) - late;
            let missed = earliest.saturating_sub(due).max(0).unsigned_abs();
            let period = ttl / 3 * 2;
            let turn = due + missed.div_ceil(period.max(1).unsigned_abs()) as Nanos * period;
            if turn < 10 * SECOND { anew(share) } else { turn }
        })
    }
}

impl Failing {
    /// Transient failures do not end a streak; whatever the homeserver says does.
    fn count(&mut self, why: Why, sent: Moment) {
        let is_transient = matches!(
            why,
            Why::Unreachable | Why::RateLimited { .. } | Why::Expired | Why::Rejected
        );
        let since = if self.transient > 0 { self.since } else { sent.monotonic };
        let (transient, since) = if is_transient { (self.transient + 1, since) } else { (0, 0) };
        *self = Self { why: Some(why), in_a_row: self.in_a_row + 1, transient, since };
    }

    /// How long the request of the moment `sent` was put off by failures.
    fn late(self, sent: Moment) -> Option<Nanos> {
        (self.transient > 0).then(|| sent.monotonic - self.since)
    }

    pub(super) fn pass(&mut self, monotonic: Nanos) {
        if self.transient > 0 {
            self.since -= monotonic;
        }
    }
}
