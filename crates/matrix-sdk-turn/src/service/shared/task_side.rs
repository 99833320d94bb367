//! What the task asks of the shared state, and tells it.

use std::{sync::Arc, time::Instant};

use tracing::{error, info, warn};

use super::Shared;
use crate::{
    schedule::Saved,
    service::{
        inner::{Source, TaskState},
        keeper::Keeper,
    },
    source::Answer,
    unavailable::{Unavailable, UnavailableReason},
};

/// What the task does next.
pub(in crate::service) struct Step {
    pub(in crate::service) begin_request: bool,
    pub(in crate::service) wakeup: Option<Instant>,
}

impl Shared {
    pub(in crate::service) fn source(&self) -> Option<Arc<Source>> {
        self.lock().source.clone()
    }

    pub(in crate::service) fn keeper(&self) -> Option<Arc<Keeper>> {
        self.lock().keeper.clone()
    }

    /// The source is about to be asked.
    pub(in crate::service) fn note_request(&self) {
        let now = self.clock.now();
        self.lock().asked.note(now);
    }

    /// Whether a task is to be started: none runs, and there is a source for it.
    pub(in crate::service) fn start_task(&self) -> bool {
        let mut inner = self.lock();
        let starts = inner.task == TaskState::Idle && inner.source.is_some();
        if starts {
            inner.task = TaskState::Running;
        }
        starts
    }

    /// Decides what the task does next. `None`: nothing more, and the next subscriber starts another.
    pub(in crate::service) fn next_step(&self) -> Option<Step> {
        let mut inner = self.lock();
        let now = self.clock.now();
        let update = inner.schedule.take_update(now);
        let begin_request = inner.schedule.begin_request(now);
        let is_idle = inner.subscribers == 0 && !inner.schedule.is_asking(now);
        let step = if is_idle || inner.source.is_none() {
            inner.task = TaskState::Idle;
            None
        } else {
            Some(Step { begin_request, wakeup: inner.schedule.next_wakeup(now) })
        };
        drop(inner);
        self.publish(update);
        step
    }

    /// The source answered.
    pub(in crate::service) fn answered(&self, answer: Result<Answer, Unavailable>) {
        let failure = answer.as_ref().err().cloned();
        let inner = self.lock();
        if let (Ok(_), Some(keeper)) = (&answer, &inner.keeper) {
            keeper.outdate();
        }
        self.tell_locked(inner, |schedule, now| schedule.answered(now, answer));
        self.progress.notify_waiters();
        match failure {
            None => {}
            // Once per retry, however long an outage takes.
            Some(why) if why.reason().is_transient() => info!(%why, "no TURN credentials"),
            Some(why) => warn!(%why, "no TURN credentials"),
        }
    }

    /// The task found this in the store, before it asked the source. Returns whether that was the
    /// answer.
    pub(in crate::service) fn restored(&self, keeper: &Arc<Keeper>, saved: &Saved) -> bool {
        let mut outcome = Ok(());
        self.tell(|schedule, now| outcome = schedule.restored(now, saved));
        match outcome {
            Ok(()) => self.progress.notify_waiters(),
            Err(why) => keeper.discard(why),
        }
        outcome.is_ok()
    }

    pub(in crate::service) fn answer_is_late(&self) {
        self.progress.notify_waiters();
    }

    /// The task panicked. Callers that wait for an answer are told so, and another task asks again.
    pub(in crate::service) fn lose_task_to_a_panic(&self) {
        self.lock().task = TaskState::Idle;
        error!("the task that refreshes TURN credentials panicked, and starts again");
        self.conclude(|schedule, now| {
            let why = Unavailable::unreachable("the task that asks for TURN credentials panicked");
            schedule.answered(now, Err(why));
        });
    }

    /// The task went down with its runtime. Streams end, and callers that wait are told so.
    pub(in crate::service) fn lose_runtime(&self) {
        warn!("the tokio runtime of the TURN service has ended");
        self.lock().task = TaskState::RuntimeEnded;
        self.conclude(|schedule, now| {
            schedule.answered(now, Err(UnavailableReason::RuntimeEnded.into()));
        });
        self.published.send_modify(|count| *count = count.wrapping_add(1));
    }
}
