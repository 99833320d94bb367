//! The one task per account that keeps its credentials fresh, and the runtime it runs on.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::Fuse};
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::AbortHandle,
    time::{sleep, sleep_until, timeout},
};
use tracing::{Instrument, debug, debug_span};

use super::{
    inner::Source,
    place::{RUNTIME_PATIENCE, Vacancy},
    shared::{ANSWER_PATIENCE, Shared},
};
use crate::{
    source::{Answer, SessionEvent, TurnServerSource},
    unavailable::{Unavailable, UnavailableReason},
};

/// The least time between two events of a session that are listened to. Refreshing an access token
/// over and over must not make the homeserver be asked as often.
const SESSION_EVENT_SPACING: Duration = Duration::from_secs(1);

/// How often somebody on another runtime looks whether the service's still runs.
const STAND_IN_INTERVAL: Duration = Duration::from_secs(30);

/// Sees to it that there is a task: on the service's own runtime, or if that has ended, on the one
/// of this thread.
pub(super) fn ensure(shared: &Arc<Shared>) {
    start(shared, &shared.runtime, Vacancy::None);
    if !shared.has_task()
        && let Ok(here) = Handle::try_current()
    {
        start(shared, &here, Vacancy::None);
    }
    if !shared.has_task() {
        shared.fail_for_want_of_a_runtime();
    }
}

/// Starts the task on `runtime` if its place is vacant. Returns whether it was.
fn start(shared: &Arc<Shared>, runtime: &Handle, vacancy: Vacancy) -> bool {
    let Some(wake) = shared.register_task(vacancy) else { return false };
    let is_spawned = Arc::new(AtomicBool::new(false));
    let task = Task { shared: Arc::downgrade(shared), wake, is_spawned: is_spawned.clone() };
    // A span of its own: whoever subscribed first is not whom the credentials are for.
    let span = debug_span!(parent: None, "turn_service");
    // A runtime that has shut down drops the task at once.
    runtime.spawn(task.run(shared.request_timeout).instrument(span));
    is_spawned.store(true, Ordering::Release);
    true
}

/// Watches from the runtime `here` whether the task still runs, and runs it here if its runtime has
/// ended, or if nobody drives it.
pub(super) fn stand_in(shared: &Arc<Shared>, here: Handle) -> AbortHandle {
    let weak = Arc::downgrade(shared);
    let task_lost = shared.task_lost.clone();
    let runtime = here.clone();
    let watching = async move {
        let mut patience = RUNTIME_PATIENCE;
        loop {
            tokio::select! {
                () = sleep(patience) => {}
                () = task_lost.notified() => {}
            }
            let Some(shared) = weak.upgrade() else { return };
            if start(&shared, &here, Vacancy::Stuck) {
                shared.runtime.spawn(come_home(Arc::downgrade(&shared)));
            }
            patience = STAND_IN_INTERVAL;
        }
    };
    runtime.spawn(watching).abort_handle()
}

/// Runs the task on the service's own runtime again, if somebody drives that one after all. Once the
/// session has ended there is no task to run.
async fn come_home(weak: Weak<Shared>) {
    while let Some(shared) = weak.upgrade().filter(|shared| shared.source().is_some()) {
        if start(&shared, &shared.runtime, Vacancy::BetweenRequests) {
            return;
        }
        drop(shared);
        sleep(RUNTIME_PATIENCE).await;
    }
}

/// The task. It holds no strong reference while it waits, so that dropping the last handle ends it.
struct Task {
    shared: Weak<Shared>,
    wake: Arc<Notify>,
    /// Not yet while its runtime is being handed the task.
    is_spawned: Arc<AtomicBool>,
}

impl Task {
    async fn run(self, request_timeout: Duration) {
        let Some(source) = self.shared.upgrade().and_then(|shared| shared.source()) else { return };
        let mut request = pin!(Fuse::terminated());
        let mut answer_is_late = pin!(Fuse::terminated());
        let mut session_event = pin!(session_event(&source, Duration::ZERO).fuse());
        while let Some(step) = self.shared.upgrade().and_then(|shared| shared.next_step(&self.wake))
        {
            if step.begin_request {
                let asking = timeout(request_timeout, self.ask(&source));
                request.set(asking.fuse());
                answer_is_late.set(sleep(ANSWER_PATIENCE).fuse());
            }
            tokio::select! {
                outcome = &mut request => {
                    let no_answer = format!("no answer within {request_timeout:?}");
                    let outcome = outcome.unwrap_or_else(|_| Some(Err(Unavailable::unreachable(no_answer))));
                    if let Some(answer) = outcome {
                        self.tell(|shared| shared.answered(&self.wake, answer));
                    }
                }
                () = &mut answer_is_late => self.tell(Shared::answer_is_late),
                event = &mut session_event => {
                    self.tell(|shared| on_session_event(shared, event));
                    session_event.set(self::session_event(&source, SESSION_EVENT_SPACING).fuse());
                }
                () = sleep_until_or_forever(step.wakeup) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Asks the source, unless an earlier process left the answer in the store: then there is none to
    /// wait for.
    async fn ask(&self, source: &Source) -> Option<Result<Answer, Unavailable>> {
        let keeper = self.shared.upgrade().and_then(|shared| shared.keeper());
        if let Some(keeper) = keeper
            && let Some(saved) = keeper.load().await
            && self.shared.upgrade()?.restored(&self.wake, &keeper, &saved)
        {
            return None;
        }
        debug!("asking for TURN credentials");
        self.tell(Shared::note_request);
        let answer = guarded(source, |source| source.fetch()).await;
        Some(answer.unwrap_or_else(|| Err(Unavailable::unreachable("the source panicked"))))
    }

    fn tell(&self, event: impl FnOnce(&Shared)) {
        if let Some(shared) = self.shared.upgrade() {
            event(&shared);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let was_spawned = self.is_spawned.load(Ordering::Acquire);
        self.tell(|shared| shared.lose_task(&self.wake, was_spawned));
    }
}

fn on_session_event(shared: &Shared, event: SessionEvent) {
    debug!(?event, "the session changed");
    shared.conclude(|schedule, now| match event {
        SessionEvent::Renewed => schedule.session_renewed(now),
        SessionEvent::Ended => schedule.end_session(UnavailableReason::LoggedOut.into()),
    });
}

async fn session_event(source: &Source, delay: Duration) -> SessionEvent {
    sleep(delay).await;
    match guarded(source, |source| source.session_event()).await {
        Some(event) => event,
        None => std::future::pending().await,
    }
}

/// What the source answers. `None` if it panics, which must not take the subscribers down with it.
async fn guarded<'a, F: Future>(
    source: &'a Source,
    call: impl FnOnce(&'a dyn TurnServerSource) -> F,
) -> Option<F::Output> {
    let source = source.get()?;
    AssertUnwindSafe(async { call(source.as_ref()).await }).catch_unwind().await.ok()
}

async fn sleep_until_or_forever(wakeup: Option<Instant>) {
    match wakeup {
        Some(wakeup) => sleep_until(wakeup.into()).await,
        None => std::future::pending().await,
    }
}
