//! Moments on two clocks, counted from now, so that states that differ only in when they were
//! reached are equal.

use std::time::Duration;

/// A span of time, or a moment counted from now: in nanoseconds.
pub(super) type Nanos = i64;

pub(super) const SECOND: Nanos = 1_000_000_000;
pub(super) const MINUTE: Nanos = 60 * SECOND;
pub(super) const HOUR: Nanos = 60 * MINUTE;
pub(super) const DAY: Nanos = 24 * HOUR;

/// What the arithmetic of shares may cost.
const ROUNDING: Nanos = 10_000;

/// A random number from 0 to 1, in millionths.
pub(super) type Share = i64;

/// How near to what a test expects by its random numbers, as a share of the range.
const NEAR: Share = 10_000;

pub(super) fn nanos(span: Duration) -> Nanos {
    Nanos::try_from(span.as_nanos()).unwrap_or(Nanos::MAX)
}

/// That share of the way from `least` to `most`.
pub(super) fn at(share: Share, least: Nanos, most: Nanos) -> Nanos {
    least + (most - least) / 1_000_000 * share
}

/// A moment on both clocks. **S8: the first clock to reach it counts**, so a wall clock that is set
/// back never moves it into the future.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Moment {
    pub(super) monotonic: Nanos,
    pub(super) wall: Nanos,
}

impl Moment {
    pub(super) const NOW: Self = Self { monotonic: 0, wall: 0 };

    pub(super) fn after(span: Nanos) -> Self {
        Self::NOW.plus(span)
    }

    pub(super) fn plus(self, span: Nanos) -> Self {
        let monotonic = self.monotonic.saturating_add(span);
        Self { monotonic, wall: self.wall.saturating_add(span) }
    }

    /// How long until it is reached. Negative: since when.
    fn distance(self) -> Nanos {
        self.monotonic.min(self.wall)
    }

    pub(super) fn left(self) -> Nanos {
        self.distance().max(0)
    }

    pub(super) fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        self.monotonic = self.monotonic.saturating_sub(monotonic);
        self.wall = self.wall.saturating_sub(wall);
    }

    /// The same for a moment that is waited for: what the monotonic clock reached stays reached.
    pub(super) fn approach(&mut self, monotonic: Nanos, wall: Nanos) {
        self.pass(monotonic, wall);
        if self.monotonic <= 0 {
            *self = Self::NOW;
        }
    }
}

/// A moment that is not known exactly: the schedule draws it at random between two moments. It is
/// known as soon as the schedule shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Window {
    pub(super) earliest: Moment,
    pub(super) latest: Moment,
}

impl Window {
    pub(super) const NOW: Self = Self { earliest: Moment::NOW, latest: Moment::NOW };

    pub(super) fn exactly(moment: Moment) -> Self {
        Self { earliest: moment, latest: moment }
    }

    pub(super) fn approach(&mut self, monotonic: Nanos, wall: Nanos) {
        self.earliest.approach(monotonic, wall);
        self.latest.approach(monotonic, wall);
    }

    /// It comes forward to another one, if that is sooner. From then on, both clocks run from now.
    pub(super) fn at_the_latest(self, other: Self) -> Self {
        let sooner = |a: Moment, b: Moment| Moment::after(a.left().min(b.left()));
        Self {
            earliest: sooner(self.earliest, other.earliest),
            latest: sooner(self.latest, other.latest),
        }
    }

    /// It is that far away.
    pub(super) fn fix(&mut self, left: Nanos) {
        *self = Self::exactly(self.latest.plus(left - self.latest.distance()));
    }
}

/// A span that the schedule draws at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Span {
    pub(super) least: Nanos,
    pub(super) most: Nanos,
}

impl Span {
    pub(super) fn exactly(span: Nanos) -> Self {
        Self { least: span, most: span }
    }

    /// Between these two. A test that knows the random numbers knows nearly what it comes to: `value`,
    /// which varies by `width`.
    pub(super) fn drawn(
        luck: Option<Share>,
        (least, most): (Nanos, Nanos),
        width: Nanos,
        value: impl Fn(Share) -> Nanos,
    ) -> Self {
        let (mut span, mut edge) = (Self { least, most }, ROUNDING);
        if let Some(share) = luck {
            span = Self::exactly(value(share));
            edge += at(NEAR, 0, width);
        }
        Self { least: (span.least - edge).max(0), most: span.most + edge }
    }

    /// Evenly between these two.
    pub(super) fn evenly(luck: Option<Share>, least: Nanos, most: Nanos) -> Self {
        Self::drawn(luck, (least, most), most - least, |share| at(share, least, most))
    }

    pub(super) fn from(self, start: Moment) -> Window {
        Window { earliest: start.plus(self.least), latest: start.plus(self.most) }
    }

    pub(super) fn plus(self, span: Nanos) -> Self {
        Self { least: self.least + span, most: self.most + span }
    }

    pub(super) fn contains(self, span: Nanos) -> bool {
        (self.least..=self.most).contains(&span)
    }
}
