//! When the machine did not run this program: what a thread that does nothing but sleep shows.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Instant,
};

use super::flow::{INTERVAL, NOTICEABLE_GAP};

/// Notes them until it is dropped. It has a thread of its own: a library that blocks the threads of a
/// runtime is not excused.
pub(super) struct Stalls {
    noted: Arc<Mutex<Vec<(f64, f64)>>>,
    _end: Sender<()>,
}

impl Stalls {
    /// The times are seconds since `began`.
    pub(super) fn watch(began: Instant) -> Self {
        let noted = Arc::<Mutex<Vec<_>>>::default();
        let (end, ended) = channel();
        let notes = noted.clone();
        thread::spawn(move || note_stalls(began, &notes, &ended));
        Self { noted, _end: end }
    }

    /// When each ended, and how long it was.
    pub(super) fn noted(&self) -> Vec<(f64, f64)> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note_stalls(began: Instant, noted: &Mutex<Vec<(f64, f64)>>, ended: &Receiver<()>) {
    let mut last = Instant::now();
    while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let now = Instant::now();
        if now - last > NOTICEABLE_GAP {
            let late = now - last - INTERVAL;
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push(((now - began).as_secs_f64(), late.as_secs_f64()));
        }
        last = now;
    }
}
