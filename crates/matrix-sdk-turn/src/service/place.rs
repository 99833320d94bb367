//! The place of the task: who holds it, and when another task may take it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// A runtime that lets a task wait for longer than this is one that nobody drives.
pub(super) const RUNTIME_PATIENCE: Duration = Duration::from_secs(1);

/// Holds one task at most.
#[derive(Default)]
pub(super) struct Place(Option<Holder>);

struct Holder {
    /// Wakes the task, and tells it apart from one that took its place.
    wake: Arc<Notify>,
    /// When the task must have done something, if its runtime runs. `None`: not before an event.
    step_due: Option<Instant>,
}

/// What makes the place vacant, besides that nobody holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vacancy {
    /// Nothing.
    None,
    /// The runtime of the task does not run it.
    Stuck,
    /// The task waits, and not for an answer.
    BetweenRequests,
}

impl Place {
    pub(super) fn is_held(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn is_held_by(&self, wake: &Arc<Notify>) -> bool {
        self.0.as_ref().is_some_and(|holder| Arc::ptr_eq(&holder.wake, wake))
    }

    pub(super) fn may_be_taken(&self, vacancy: Vacancy, now: Instant, is_in_flight: bool) -> bool {
        let Some(holder) = &self.0 else { return true };
        match vacancy {
            Vacancy::None => false,
            Vacancy::Stuck => holder
                .step_due
                .is_some_and(|due| now.saturating_duration_since(due) >= RUNTIME_PATIENCE),
            Vacancy::BetweenRequests => !is_in_flight,
        }
    }

    /// A task takes the place. Returns what wakes this task, and tells it from others.
    pub(super) fn take(&mut self, now: Instant) -> Arc<Notify> {
        self.leave();
        let wake = Arc::new(Notify::new());
        self.0 = Some(Holder { wake: wake.clone(), step_due: Some(now) });
        wake
    }

    /// The task has ended, or is given up. If it ever runs again, it notices.
    pub(super) fn leave(&mut self) {
        if let Some(holder) = self.0.take() {
            holder.wake.notify_one();
        }
    }

    /// Something happened that may change what is due.
    pub(super) fn wake(&mut self, now: Instant) {
        if let Some(holder) = &mut self.0 {
            holder.step_due = Some(holder.step_due.map_or(now, |due| due.min(now)));
            holder.wake.notify_one();
        }
    }

    /// The task took a step, and is to take the next one by `due`.
    pub(super) fn expect_step(&mut self, due: Option<Instant>) {
        if let Some(holder) = &mut self.0 {
            holder.step_due = due;
        }
    }
}
