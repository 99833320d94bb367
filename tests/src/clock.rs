//! A clock that tests move.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use matrix_sdk_turn::{Clock, Timestamp};
use tokio::time::Instant;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A wall clock that is moved by hand, and else goes with tokio's.
#[derive(Clone, Debug)]
pub struct HandMovedClock {
    started: Instant,
    wall_at_start: Arc<Mutex<SystemTime>>,
}

impl HandMovedClock {
    /// A clock that stands somewhere in 2020.
    pub fn start() -> Self {
        let wall = SystemTime::UNIX_EPOCH + 50 * YEAR;
        Self { started: Instant::now(), wall_at_start: Arc::new(Mutex::new(wall)) }
    }

    /// The machine sleeps: its timers stand still, and the wall clock does not.
    pub fn sleep(&self, span: Duration) {
        *self.wall_at_start.lock().unwrap() += span;
    }

    /// Somebody sets the wall clock back.
    pub fn set_back(&self, span: Duration) {
        *self.wall_at_start.lock().unwrap() -= span;
    }
}

impl Clock for HandMovedClock {
    fn now(&self) -> Timestamp {
        let now = Instant::now();
        let wall = *self.wall_at_start.lock().unwrap() + (now - self.started);
        Timestamp { monotonic: now.into_std(), wall }
    }
}
