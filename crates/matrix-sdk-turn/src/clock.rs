//! The two clocks every decision is made on.
//!
//! A timer stands still while the machine sleeps, the wall clock does not; the wall clock can be
//! set, the monotonic one cannot. So whatever matters is measured on both, and the first of the two
//! to say that something has passed is believed.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// The longest span that is ever added to a clock. Nothing here waits longer, and neither clock
/// overflows by it.
const LONGEST_SPAN: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// One moment, read on the monotonic and on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub struct Timestamp {
    /// The clock that never goes back, and on most systems stands still while the machine sleeps.
    pub monotonic: Instant,
    /// The clock on the wall: it goes on while the machine sleeps, and anybody may set it.
    pub wall: SystemTime,
}

impl Timestamp {
    /// Reads both clocks of this machine.
    ///
    /// The monotonic one is tokio's, so that `tokio::time::pause()` holds it in tests.
    pub fn now() -> Self {
        Self { monotonic: tokio::time::Instant::now().into_std(), wall: SystemTime::now() }
    }
}

/// Where a [`TurnService`](crate::TurnService) and a widget driver read the time.
///
/// Clients need [`SystemClock`] only; tests hand in a wall clock that they move themselves.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The moment it is now. The monotonic half must be tokio's clock, on which timers run, as in
    /// [`Timestamp::now`].
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

impl<C: Clock + ?Sized> Clock for Box<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The machine's own clocks: [`Timestamp::now`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The instant `span` after `start`. Saturates as a [`Deadline`] does.
pub(crate) fn later(start: Instant, span: Duration) -> Instant {
    start.checked_add(span.min(LONGEST_SPAN)).unwrap_or(start)
}

/// A moment to come, reached as soon as **either** clock says so.
///
/// A wall clock that is set back therefore never moves a deadline into the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub struct Deadline(Timestamp);

impl Deadline {
    /// The moment `span` after `start`. Saturates: a span beyond a hundred years counts as that.
    pub fn after(start: Timestamp, span: Duration) -> Self {
        let wall = start.wall.checked_add(span.min(LONGEST_SPAN)).unwrap_or(start.wall);
        Self(Timestamp { monotonic: later(start.monotonic, span), wall })
    }

    /// Whether one of the clocks has reached it.
    pub fn is_reached(&self, now: Timestamp) -> bool {
        now.monotonic >= self.0.monotonic || now.wall >= self.0.wall
    }

    /// How long until the nearer clock reaches it; zero once it is reached.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        let monotonic = self.0.monotonic.saturating_duration_since(now.monotonic);
        let wall = self.0.wall.duration_since(now.wall).unwrap_or(Duration::ZERO);
        monotonic.min(wall)
    }

    /// The moment on the wall clock.
    pub fn wall(&self) -> SystemTime {
        self.0.wall
    }
}

/// Time that passes while now is always the same moment: what somebody remembers or waits for moves
/// towards the past instead. So states that differ only in when they were reached are equal.
#[cfg(test)]
pub(crate) mod aging {
    use std::{
        sync::LazyLock,
        time::{Duration, Instant, SystemTime},
    };

    use super::{Deadline, Timestamp};

    /// The moment at which everything happens. Far enough from where clocks begin that spans can be
    /// taken from it.
    pub(crate) fn now() -> Timestamp {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        static NOW: LazyLock<Timestamp> = LazyLock::new(|| Timestamp {
            monotonic: Instant::now() + YEAR,
            wall: SystemTime::UNIX_EPOCH + 50 * YEAR,
        });
        *NOW
    }

    /// How far the clocks went on. The wall clock may have gone back.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Passed {
        pub(crate) monotonic: Duration,
        pub(crate) wall: Duration,
        pub(crate) wall_set_back: Duration,
    }

    impl Passed {
        pub(crate) const NOTHING: Self = Self::regularly(Duration::ZERO);

        /// Both clocks went on as they should.
        pub(crate) const fn regularly(span: Duration) -> Self {
            Self { monotonic: span, wall: span, wall_set_back: Duration::ZERO }
        }
    }

    impl Timestamp {
        pub(crate) fn aged(self, by: Passed) -> Self {
            Self {
                monotonic: self.monotonic - by.monotonic,
                wall: self.wall - by.wall + by.wall_set_back,
            }
        }
    }

    impl Deadline {
        pub(crate) fn aged(self, by: Passed) -> Self {
            let aged = self.0.aged(by);
            // The monotonic clock does not go back: it stays reached, however long ago that was.
            Self(if aged.monotonic <= now().monotonic { now() } else { aged })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        Timestamp { monotonic: Instant::now(), wall: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn s08_either_clock_reaches_a_deadline() {
        let start = start();
        let deadline = Deadline::after(start, Duration::from_secs(60));
        let minute = Duration::from_secs(60);

        assert!(!deadline.is_reached(start));
        assert!(deadline.is_reached(Timestamp { monotonic: start.monotonic + minute, ..start }));
        assert!(deadline.is_reached(Timestamp { wall: start.wall + minute, ..start }));
    }

    #[test]
    fn s08_a_wall_clock_set_back_never_lengthens_a_life() {
        let start = Timestamp {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000),
            ..start()
        };
        let deadline = Deadline::after(start, Duration::from_secs(60));
        let set_back = Timestamp {
            monotonic: start.monotonic + Duration::from_secs(59),
            wall: SystemTime::UNIX_EPOCH,
        };

        assert_eq!(deadline.remaining(set_back), Duration::from_secs(1));
    }

    #[test]
    fn s13_a_deadline_saturates() {
        let deadline = Deadline::after(start(), Duration::MAX);
        assert_eq!(deadline.remaining(start()).as_secs() / (365 * 24 * 60 * 60), 99);
    }
}
