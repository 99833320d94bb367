//! What the task asks of the shared state, and tells it.

use std::{sync::Arc, time::Instant};

use tokio::sync::Notify;
use tracing::{info, warn};

use super::{Shared, abandoned};
use crate::{
    schedule::Saved,
    service::{inner::Source, keeper::Keeper, place::Vacancy},
    source::Answer,
    unavailable::Unavailable,
};

/// What the task does next.
pub(in crate::service) struct Step {
    pub(in crate::service) begin_request: bool,
    pub(in crate::service) wakeup: Option<Instant>,
}

impl Shared {
    pub(in crate::service) fn has_task(&self) -> bool {
        self.lock().task.is_held()
    }

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

    /// Gives the place of the task to another one, if it is vacant, and there is anything to do.
    pub(in crate::service) fn register_task(&self, vacancy: Vacancy) -> Option<Arc<Notify>> {
        let mut inner = self.lock();
        inner.source.as_ref()?;
        let now = self.clock.now();
        let is_in_flight = inner.schedule.in_flight().is_some();
        if !inner.task.may_be_taken(vacancy, now.monotonic, is_in_flight) {
            return None;
        }
        // If one was in flight, whoever had sent it is not going to answer.
        inner.schedule.answered(now, Err(abandoned()));
        let update = inner.schedule.take_update(now);
        let wake = inner.task.take(now.monotonic);
        drop(inner);
        self.publish(update);
        self.progress.notify_waiters();
        Some(wake)
    }

    /// Decides what the task does next. `None`: nothing more, and it is gone as of now.
    pub(in crate::service) fn next_step(&self, wake: &Arc<Notify>) -> Option<Step> {
        let mut inner = self.lock();
        let now = self.clock.now();
        if !inner.task.is_held_by(wake) {
            return None;
        }
        let update = inner.schedule.take_update(now);
        let begin_request = inner.schedule.begin_request(now);
        let is_idle = inner.subscribers == 0 && !inner.schedule.is_asking(now);
        let step = if is_idle || inner.source.is_none() {
            inner.task.leave();
            None
        } else {
            let wakeup = inner.schedule.next_wakeup(now);
            let timeout =
                inner.schedule.in_flight().map(|sent| sent.monotonic + self.request_timeout);
            inner.task.expect_step([wakeup, timeout].into_iter().flatten().min());
            Some(Step { begin_request, wakeup })
        };
        drop(inner);
        self.publish(update);
        step
    }

    /// The source answered the task that is woken by `wake`. If another task has taken its place,
    /// this is the answer to a request that was given up, and is ignored.
    pub(in crate::service) fn answered(
        &self,
        wake: &Arc<Notify>,
        answer: Result<Answer, Unavailable>,
    ) {
        let failure = answer.as_ref().err().cloned();
        let inner = self.lock();
        if !inner.task.is_held_by(wake) {
            return;
        }
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

    /// The task that is woken by `wake` found this in the store, before it asked anybody. Returns
    /// whether that was the answer.
    pub(in crate::service) fn restored(
        &self,
        wake: &Arc<Notify>,
        keeper: &Arc<Keeper>,
        saved: &Saved,
    ) -> bool {
        let inner = self.lock();
        if !inner.task.is_held_by(wake) {
            return true;
        }
        let mut outcome = Ok(());
        self.tell_locked(inner, |schedule, now| outcome = schedule.restored(now, saved));
        match outcome {
            Ok(()) => self.progress.notify_waiters(),
            Err(why) => keeper.discard(why),
        }
        outcome.is_ok()
    }

    pub(in crate::service) fn answer_is_late(&self) {
        self.progress.notify_waiters();
    }

    /// The task went down with its runtime, if it is not gone by its own decision. Whoever waits for
    /// an answer is told so, unless the task never got a place to run in: then another is tried.
    pub(in crate::service) fn lose_task(&self, wake: &Arc<Notify>, was_spawned: bool) {
        let mut inner = self.lock();
        if !inner.task.is_held_by(wake) {
            return;
        }
        inner.task.leave();
        drop(inner);
        if was_spawned {
            self.fail_for_want_of_a_runtime();
        }
        self.task_lost.notify_waiters();
    }

    /// There is no runtime to ask on: whoever waits is told so.
    pub(in crate::service) fn fail_for_want_of_a_runtime(&self) {
        self.conclude(|schedule, now| {
            schedule.begin_request(now);
            schedule.answered(now, Err(abandoned()));
        });
    }
}
