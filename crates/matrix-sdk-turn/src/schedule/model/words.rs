//! What the model speaks of: moments, what can happen, answers, and what is drawn at random.

/// A span of time, or a moment counted from now: in nanoseconds.
pub(crate) type Nanos = i64;

pub(crate) const SECOND: Nanos = 1_000_000_000;
pub(crate) const MINUTE: Nanos = 60 * SECOND;

/// S8: a moment on both clocks, counted from now. The first clock to reach it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Moment {
    pub(crate) monotonic: Nanos,
    pub(crate) wall: Nanos,
}

impl Moment {
    pub(super) const NOW: Self = Self { monotonic: 0, wall: 0 };

    /// That long from now.
    pub(super) fn after(span: Nanos) -> Self {
        Self::NOW.plus(span)
    }

    pub(super) fn plus(self, span: Nanos) -> Self {
        Self { monotonic: self.monotonic + span, wall: self.wall + span }
    }

    pub(super) fn left(self) -> Nanos {
        self.monotonic.min(self.wall).max(0)
    }

    pub(super) fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        *self = Self { monotonic: self.monotonic - monotonic, wall: self.wall - wall };
    }

    /// The same for a moment that is waited for: what the monotonic clock reached stays reached.
    pub(super) fn approach(&mut self, monotonic: Nanos, wall: Nanos) {
        self.pass(monotonic, wall);
        if self.monotonic <= 0 {
            *self = Self::NOW;
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Subscribe,
    /// The last subscriber leaves.
    Unsubscribe,
    Refresh,
    /// A TURN server rejects what is held.
    Reject,
    SessionIsRenewed,
    SessionEnds,
    Answered(Answer),
}

/// Why there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    Unreachable,
    RateLimited { retry_after: Option<Nanos> },
    NotConfigured,
    Forbidden,
    NotLoggedIn,
    LoggedOut,
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// By their name, and how long they hold: 0 if that is not known.
    Credentials(u8, Nanos),
    None(Why),
}

/// What subscribers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Published {
    Credentials(u8),
    None(Why),
}

/// S14: what another process may start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Saved {
    pub(crate) name: u8,
    pub(crate) asked_wall: Nanos,
    pub(crate) ttl: Nanos,
    pub(crate) refresh: Nanos,
}

/// What is drawn at random comes to this share of its range, in millionths.
pub(crate) type Luck = i64;

/// From `least` to `most`.
pub(super) fn drawn(luck: Luck, least: Nanos, most: Nanos) -> Nanos {
    least + (most - least) / 1_000_000 * luck
}

/// What a draw comes to, counted from `from`, and how wide the range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Draw {
    pub(super) from: Moment,
    pub(super) span: Nanos,
    pub(crate) width: Nanos,
}

impl Draw {
    pub(super) fn from_now(luck: Luck, least: Nanos, most: Nanos) -> Self {
        let span = drawn(luck, least, most);
        Self { from: Moment::NOW, span, width: most - least }
    }

    /// When the next request is due by it.
    pub(crate) fn due(self) -> Nanos {
        self.from.plus(self.span).left()
    }
}
