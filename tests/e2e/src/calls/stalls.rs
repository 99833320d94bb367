//! When the machine was busy with other things: what a timer of this program shows.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::flow::{INTERVAL, NOTICEABLE_GAP};

/// Notes them until it is dropped.
pub(super) struct Stalls {
    noted: Arc<Mutex<Vec<(f64, f64)>>>,
    timer: JoinHandle<()>,
}

impl Stalls {
    pub(super) fn watch() -> Self {
        let noted = Arc::<Mutex<Vec<_>>>::default();
        let timer = tokio::spawn(run_timer(noted.clone()));
        Self { noted, timer }
    }

    /// In seconds since it was made: when each ended, and how long it was.
    pub(super) fn noted(&self) -> Vec<(f64, f64)> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

async fn run_timer(noted: Arc<Mutex<Vec<(f64, f64)>>>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let began = Instant::now();
    let mut last = Duration::ZERO;
    loop {
        ticks.tick().await;
        let now = began.elapsed();
        if now - last > NOTICEABLE_GAP {
            let late = now - last - INTERVAL;
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push((now.as_secs_f64(), late.as_secs_f64()));
        }
        last = now;
    }
}
