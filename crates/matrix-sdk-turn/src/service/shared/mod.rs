//! What the service, its streams and its task share: the schedule behind a lock, and who is woken
//! when it changes.

mod task_side;

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};
use tokio_stream::wrappers::WatchStream;
use tracing::debug;

use super::inner::{Inner, TaskState};
use crate::{
    clock::{Clock, Timestamp},
    schedule::Schedule,
    state::TurnState,
    status::TurnStatus,
};

/// How long [`get`](super::TurnService::get) waits for an answer while it holds credentials that
/// are valid. A homeserver that is up answers within this.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Shared {
    pub(super) runtime: Handle,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) request_timeout: Duration,
    inner: Mutex<Inner>,
    /// Wakes the streams: there is something to see that was not there before. It counts how often;
    /// what there is to see is for the schedule to tell.
    published: watch::Sender<u64>,
    /// Wakes callers that wait for an answer: it is there, is late, or does not come any more.
    progress: Notify,
    /// Wakes the task.
    pub(super) wake: Arc<Notify>,
}

impl Shared {
    pub(super) fn new(
        runtime: Handle,
        clock: Arc<dyn Clock>,
        request_timeout: Duration,
        inner: Inner,
    ) -> Self {
        Self {
            runtime,
            clock,
            request_timeout,
            inner: Mutex::new(inner),
            published: watch::Sender::new(0),
            progress: Notify::new(),
            wake: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under the lock panics halfway through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with_schedule<T>(&self, look: impl FnOnce(&Schedule, Timestamp) -> T) -> T {
        let inner = self.lock();
        look(&inner.schedule, self.clock.now())
    }

    /// Lets the schedule know of an event, publishes what follows from it, and wakes the task.
    pub(super) fn tell(&self, event: impl FnOnce(&mut Schedule, Timestamp)) {
        self.tell_locked(self.lock(), event);
    }

    fn tell_locked(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        event: impl FnOnce(&mut Schedule, Timestamp),
    ) {
        let now = self.clock.now();
        event(&mut inner.schedule, now);
        let update = inner.schedule.take_update(now);
        let keeper = inner.keep();
        let released = inner.release_source_if_ended();
        drop(inner);
        self.wake.notify_one();
        drop(released);
        if let Some(keeper) = keeper {
            keeper.write_in_background();
        }
        self.publish(update);
    }

    /// The same, for an event that callers of `get()` may be waiting for.
    pub(super) fn conclude(&self, event: impl FnOnce(&mut Schedule, Timestamp)) {
        self.tell(event);
        self.progress.notify_waiters();
    }

    /// Wakes whoever wants to see an update. Not under the lock: a waker may do anything, and look at
    /// the service for one.
    fn publish(&self, update: Option<TurnState>) {
        if let Some(state) = update {
            debug!(?state, "TURN credentials changed");
            self.published.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// What there is to use, without what expired while the timers stood still.
    pub(super) fn state(&self) -> Option<TurnState> {
        self.see(|inner| inner.schedule.published().cloned())
    }

    /// The same for a stream, which ends with its runtime.
    pub(super) fn state_for_streams(&self) -> Option<TurnState> {
        self.see(|inner| inner.end_of_runtime().or_else(|| inner.schedule.published().cloned()))
    }

    /// The same for a caller of `get()`, which must not be handed what a TURN server rejected.
    pub(super) fn state_for_callers(&self) -> Option<TurnState> {
        self.see(|inner| {
            let published = inner.schedule.published();
            match inner.schedule.rejection() {
                None if published.is_some_and(|state| state.available().is_some()) => {
                    published.cloned()
                }
                rejection => inner
                    .end_of_runtime()
                    .or(rejection.map(TurnState::Unavailable))
                    .or_else(|| published.cloned()),
            }
        })
    }

    fn see(&self, look: impl FnOnce(&Inner) -> Option<TurnState>) -> Option<TurnState> {
        let mut inner = self.lock();
        let update = self.expire(&mut inner);
        let state = look(&inner).map(|state| inner.fallback.instead_of(state));
        drop(inner);
        self.publish(update);
        state
    }

    /// Withdraws what expired while the timers stood still. Returns whether there was any.
    pub(super) fn withdraw_expired(&self) -> bool {
        let update = self.expire(&mut self.lock());
        let has_expired = update.is_some();
        self.publish(update);
        has_expired
    }

    fn expire(&self, inner: &mut Inner) -> Option<TurnState> {
        let now = self.clock.now();
        let update = inner.schedule.take_update(now);
        if update.is_some() {
            self.wake.notify_one();
        }
        update
    }

    /// Whether the client's own ICE servers are used where the homeserver has none.
    pub(super) fn use_fallback(&self, is_wanted: bool) {
        self.lock().fallback.want(is_wanted);
        self.published.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn status(&self) -> TurnStatus {
        let state = self.state();
        self.lock().status(state.as_ref(), self.clock.now())
    }

    /// Ticks at once, and whenever there is something to see.
    pub(super) fn published(&self) -> WatchStream<u64> {
        WatchStream::new(self.published.subscribe())
    }

    /// Whether a new subscriber is told nothing before the next answer.
    pub(super) fn is_waiting_for_outcome(&self) -> bool {
        let inner = self.lock();
        inner.schedule.is_waiting_for_outcome() && inner.task != TaskState::RuntimeEnded
    }

    pub(super) fn subscribe(&self) {
        self.lock().subscribers += 1;
        self.tell(Schedule::subscribe);
    }

    pub(super) fn unsubscribe(&self) {
        let mut inner = self.lock();
        inner.subscribers = inner.subscribers.saturating_sub(1);
        if inner.subscribers > 0 {
            return;
        }
        inner.schedule.unsubscribe();
        drop(inner);
        // The task ends, once the request in flight is answered.
        self.wake.notify_one();
    }

    /// Waits as long as somebody asks the source, but no longer than [`ANSWER_PATIENCE`] if there
    /// are credentials to return instead, and not at all while `is_enough`.
    pub(super) async fn wait_for_answer(&self, is_enough: impl Fn(&Schedule, Timestamp) -> bool) {
        loop {
            let mut progress = pin!(self.progress.notified());
            progress.as_mut().enable();
            if !self.is_answer_worth_waiting_for(&is_enough) {
                return;
            }
            progress.await;
        }
    }

    fn is_answer_worth_waiting_for(
        &self,
        is_enough: impl Fn(&Schedule, Timestamp) -> bool,
    ) -> bool {
        let inner = self.lock();
        let now = self.clock.now();
        let schedule = &inner.schedule;
        let is_late = schedule.in_flight().is_some_and(|sent| {
            now.monotonic.saturating_duration_since(sent.monotonic) >= ANSWER_PATIENCE
        });
        inner.task == TaskState::Running
            && schedule.is_asking(now)
            && !is_enough(schedule, now)
            && !(is_late && schedule.is_usable(now))
    }

    /// Whether it can ask for credentials: neither the session nor the runtime has ended.
    #[cfg(feature = "client")]
    pub(super) fn can_ask(&self) -> bool {
        let inner = self.lock();
        inner.source.is_some() && inner.task != TaskState::RuntimeEnded
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The task finds that the service is gone, and ends.
        self.wake.notify_one();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subscribers = self.lock().subscribers;
        let source = self.source();
        f.debug_struct("TurnService")
            .field("source", &source.as_ref().and_then(|source| source.get()))
            .field("subscribers", &subscribers)
            .finish_non_exhaustive()
    }
}
