//! What is behind the service's lock.

use std::sync::Arc;

use super::{fallback::Fallback, keeper::Keeper};
use crate::{
    clock::Timestamp,
    runtime::InRuntime,
    schedule::Schedule,
    source::TurnServerSource,
    state::TurnState,
    status::{TurnStateKind, TurnStatus},
    unavailable::{Unavailable, UnavailableReason},
};

/// It may hold the SDK's `Client`.
pub(super) type Source = InRuntime<Box<dyn TurnServerSource>>;

/// What the service, its streams and its task share behind the lock.
pub(super) struct Inner {
    pub(super) schedule: Schedule,
    /// `None` once the session has ended.
    pub(super) source: Option<Arc<Source>>,
    /// `None` if nothing is to outlive the process, or once the session has ended.
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) fallback: Fallback,
    pub(super) subscribers: usize,
    pub(super) asked: Asked,
    pub(super) task: TaskState,
}

/// Whether the task runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TaskState {
    /// There was nothing to do. The next subscriber starts it.
    #[default]
    Idle,
    Running,
    /// The runtime of the service has ended, so the task can never run again.
    RuntimeEnded,
}

/// How often the source was asked, and when last.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked {
    times: u64,
    last: Option<Timestamp>,
}

impl Asked {
    pub(super) fn note(&mut self, now: Timestamp) {
        self.times += 1;
        self.last = Some(now);
    }
}

impl Inner {
    pub(super) fn new(
        schedule: Schedule,
        source: Arc<Source>,
        keeper: Option<Arc<Keeper>>,
        fallback: Fallback,
    ) -> Self {
        Self {
            schedule,
            source: Some(source),
            keeper,
            fallback,
            subscribers: 0,
            asked: Asked::default(),
            task: TaskState::default(),
        }
    }

    fn has_ended(&self) -> bool {
        self.schedule.last_failure().map(Unavailable::reason) == Some(UnavailableReason::LoggedOut)
    }

    /// What streams and callers are told once the service's runtime has ended.
    pub(super) fn end_of_runtime(&self) -> Option<TurnState> {
        let has_ended = self.task == TaskState::RuntimeEnded && !self.has_ended();
        has_ended.then(|| TurnState::Unavailable(UnavailableReason::RuntimeEnded.into()))
    }

    /// Tells the keeper what is to outlive the process. The caller has it written, not under the lock.
    pub(super) fn keep(&mut self) -> Option<Arc<Keeper>> {
        let keeper = self.keeper.clone()?;
        if self.has_ended() {
            keeper.forget();
            self.keeper = None;
        } else {
            keeper.want(self.schedule.saved());
        }
        Some(keeper)
    }

    /// What a debug screen shows where `state` is what there is to use.
    pub(super) fn status(&self, state: Option<&TurnState>, now: Timestamp) -> TurnStatus {
        TurnStatus {
            state: state.map(TurnStateKind::from),
            valid_for: self.schedule.valid_for(now),
            subscribers: self.subscribers,
            requests: self.asked.times,
            asked_at: self.asked.last.map(|asked| asked.wall),
            next_request_in: self.schedule.next_request_in(now),
            failures_in_a_row: self.schedule.failures_in_a_row(),
            last_failure: self.schedule.last_failure().cloned(),
        }
    }

    pub(super) fn release_source_if_ended(&mut self) -> Option<Arc<Source>> {
        if self.has_ended() { self.source.take() } else { None }
    }
}
