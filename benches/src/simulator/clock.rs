//! Three clocks: the true time, the monotonic one, and the one on the wall.

use std::time::{Duration, Instant, SystemTime};

use matrix_sdk_turn::Timestamp;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Virtual time. The true time only goes on; the monotonic clock stands still while the machine
/// sleeps, and starts over with the machine; the wall clock goes on, and may be set to anything at
/// any time.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    elapsed: Duration,
    booted: Instant,
    now: Timestamp,
}

/// How somebody sets the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallShift {
    /// Ahead by this much.
    Forward(Duration),
    /// Back by this much.
    Back(Duration),
    /// To 1970-01-01, as machines without a battery start.
    Epoch,
}

impl VirtualClock {
    /// Starts at `wall` on the wall clock.
    pub fn new(wall: SystemTime) -> Self {
        // Only differences count, so where the monotonic clock starts changes nothing. It starts far
        // enough ahead for moments before the start to have a name, on every platform.
        let booted = Instant::now() + CENTURY;
        Self { elapsed: Duration::ZERO, booted, now: Timestamp { monotonic: booted, wall } }
    }

    /// What the machine's two clocks say.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The true time since the start.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Time passes, and the machine is awake.
    pub fn advance(&mut self, span: Duration) {
        self.now.monotonic += span;
        self.sleep(span);
    }

    /// Time passes, and the machine sleeps.
    pub fn sleep(&mut self, span: Duration) {
        self.elapsed += span;
        self.now.wall += span;
    }

    /// The machine is started again: its monotonic clock knows nothing of what was before.
    pub fn reboot(&mut self) {
        self.now.monotonic = self.booted;
    }

    /// Somebody sets the wall clock.
    pub fn set_wall(&mut self, shift: WallShift) {
        self.now.wall = match shift {
            WallShift::Forward(span) => self.now.wall + span,
            WallShift::Back(span) => self.now.wall - span,
            WallShift::Epoch => SystemTime::UNIX_EPOCH,
        };
    }
}
