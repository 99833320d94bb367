//! How long until the next request: S3 to S5 and S7.

use super::{
    requests::Next,
    words::{Draw, Luck, MINUTE, Moment, Nanos, SECOND, Why, drawn},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Delays {
    pub(super) failing: Failing,
    /// S3: the next refresh is the first after the start.
    pub(super) is_first: bool,
    unknown_ttl_delay: Nanos,
}

/// Failures since the last success; and the transient ones since the homeserver last spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Failing {
    pub(super) why: Option<Why>,
    pub(super) in_a_row: u32,
    transient: u32,
    /// When the first of the transient ones was sent.
    since: Nanos,
}

impl Failing {
    pub(super) fn count(&mut self, why: Why, sent: Moment) {
        let is_transient = matches!(why, Why::Unreachable | Why::RateLimited { .. });
        let since = if self.transient > 0 { self.since } else { sent.monotonic };
        let (transient, since) = if is_transient { (self.transient + 1, since) } else { (0, 0) };
        *self = Self { why: Some(why), in_a_row: self.in_a_row + 1, transient, since };
    }

    pub(super) fn time_passes(&mut self, monotonic: Nanos) {
        if self.transient > 0 {
            self.since -= monotonic;
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self { failing: Failing::default(), is_first: true, unknown_ttl_delay: 10 * SECOND }
    }
}

impl Delays {
    /// S3.
    pub(super) fn refresh(&mut self, sent: Moment, ttl: Nanos, luck: Luck) -> Draw {
        let failing = std::mem::take(&mut self.failing);
        if ttl == 0 {
            let delay = self.unknown_ttl_delay;
            self.unknown_ttl_delay = (2 * delay).min(MINUTE);
            return Draw::from_now(luck, delay, delay);
        }
        self.unknown_ttl_delay = 10 * SECOND;
        let (earliest, latest) = (ttl / 30, ttl * 7 / 10);
        // A client keeps its turn through failures, and takes another if it has missed it.
        let is_late = failing.transient > 0;
        let late = if is_late { sent.monotonic - failing.since } else { 0 };
        // 2/3 - 5% and 2/3 + 5%.
        let mut span = drawn(luck, ttl * 37 / 60, ttl * 43 / 60) - late;
        while span < earliest {
            span += ttl * 2 / 3;
        }
        if std::mem::take(&mut self.is_first) || (is_late && span < 10 * SECOND) {
            span = drawn(luck, earliest.max(10 * SECOND).min(latest), latest);
        }
        Draw { from: sent, span, width: latest - earliest }
    }

    /// S4, S5, S7. `waited` is how long the answer took.
    pub(super) fn retry(
        &self,
        why: Why,
        waited: Nanos,
        holds: bool,
        luck: Luck,
    ) -> (Next, Option<Moment>, Option<Draw>) {
        let highest = if holds { MINUTE } else { 10 * SECOND };
        let ceiling = (SECOND << self.failing.transient.saturating_sub(1).min(6)).min(highest);
        let (next, for_subscriber, draw) = match why {
            Why::Unreachable | Why::Expired => {
                let span = (drawn(luck, 0, ceiling) - waited).max(drawn(luck, 0, SECOND));
                (Next::At(Moment::NOW), None, Draw { from: Moment::NOW, span, width: ceiling })
            }
            Why::RateLimited { retry_after } => {
                let named = retry_after.filter(|&named| named > 0);
                let pause = named.unwrap_or(MINUTE).clamp(SECOND, 60 * MINUTE);
                let draw = Draw::from_now(luck, pause, pause + ceiling);
                (Next::RetryAfter(Moment::NOW), None, draw)
            }
            Why::NotConfigured => {
                let draw = Draw::from_now(luck, 54 * MINUTE, 66 * MINUTE);
                (Next::At(Moment::NOW), Some(Moment::after(5 * MINUTE)), draw)
            }
            Why::Forbidden => {
                return (Next::OnDemand, Some(Moment::after(5 * MINUTE)), None);
            }
            Why::NotLoggedIn => return (Next::OnDemand, Some(Moment::NOW), None),
            Why::LoggedOut => return (Next::Never, None, None),
        };
        (next, for_subscriber, Some(draw))
    }
}
