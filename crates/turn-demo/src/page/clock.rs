//! A clock of a machine that can be sent to sleep.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use matrix_sdk_turn::{Clock, Timestamp};

/// The machine's clocks, with the sleep that the user ordered. While a machine sleeps its timers stand
/// still and the wall clock goes on; seen from the inside, the wall clock jumps.
#[derive(Clone, Debug, Default)]
pub(super) struct SleepingClock {
    slept_ms: Arc<AtomicU64>,
}

impl SleepingClock {
    /// The machine has slept for so long, and wakes up now.
    pub(super) fn sleep(&self, span: Duration) {
        let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.slept_ms.fetch_add(span, Ordering::Relaxed);
    }
}

impl Clock for SleepingClock {
    fn now(&self) -> Timestamp {
        let slept = Duration::from_millis(self.slept_ms.load(Ordering::Relaxed));
        let now = Timestamp::now();
        Timestamp { wall: now.wall.checked_add(slept).unwrap_or(now.wall), ..now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wall_clock_goes_on_in_a_sleep() {
        let clock = SleepingClock::default();
        let before = clock.now();
        clock.sleep(Duration::from_secs(3600));
        let after = clock.now();

        assert!(after.wall.duration_since(before.wall).unwrap() >= Duration::from_secs(3600));
        assert!(after.monotonic - before.monotonic < Duration::from_secs(60));
    }
}
