//! The one task per account that keeps its credentials fresh.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::Fuse};
use tokio::{
    sync::Notify,
    time::{sleep, sleep_until, timeout},
};
use tracing::{Instrument, debug, debug_span};

use super::{
    inner::Source,
    shared::{ANSWER_PATIENCE, Shared},
};
use crate::{
    source::{Answer, SessionEvent, TurnServerSource},
    unavailable::{Unavailable, UnavailableReason},
};

/// The least time between two events of a session that are listened to. Refreshing an access token
/// over and over must not make the homeserver be asked as often.
const SESSION_EVENT_SPACING: Duration = Duration::from_secs(1);

/// How long a task that panicked waits before it starts again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Starts the task on the service's runtime, unless it runs or has nothing to do any more.
pub(super) fn ensure(shared: &Arc<Shared>) {
    if !shared.start_task() {
        return;
    }
    let task = Task { shared: Arc::downgrade(shared), wake: shared.wake.clone(), has_left: false };
    // A span of its own: the subscriber that starts the task is not the only one it serves.
    let span = debug_span!(parent: None, "turn_service");
    // A runtime that has shut down drops the task at once.
    shared.runtime.spawn(task.run(shared.request_timeout).instrument(span));
}

/// The task. It holds no strong reference while it waits, so that dropping the last handle ends it.
struct Task {
    shared: Weak<Shared>,
    wake: Arc<Notify>,
    /// It found nothing more to do.
    has_left: bool,
}

impl Task {
    async fn run(mut self, request_timeout: Duration) {
        self.take_steps(request_timeout).await;
        self.has_left = true;
    }

    async fn take_steps(&self, request_timeout: Duration) {
        let Some(source) = self.shared.upgrade().and_then(|shared| shared.source()) else { return };
        let mut request = pin!(Fuse::terminated());
        let mut answer_is_late = pin!(Fuse::terminated());
        let mut session_event = pin!(session_event(&source, Duration::ZERO).fuse());
        while let Some(step) = self.shared.upgrade().and_then(|shared| shared.next_step()) {
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
                        self.tell(|shared| shared.answered(answer));
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
            && self.shared.upgrade()?.restored(&keeper, &saved)
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
        let Some(shared) = self.shared.upgrade().filter(|_| !self.has_left) else { return };
        if std::thread::panicking() {
            // Nothing else here: the clock and the log are the client's code, and may panic again.
            shared.runtime.spawn(Restart { shared: self.shared.clone(), is_done: false }.run());
        } else {
            shared.lose_runtime();
        }
    }
}

/// Starts the task again after a panic.
struct Restart {
    shared: Weak<Shared>,
    is_done: bool,
}

impl Restart {
    async fn run(mut self) {
        while !self.is_done {
            sleep(RESTART_DELAY).await;
            let Some(shared) = self.shared.upgrade() else { return };
            let restart = AssertUnwindSafe(|| {
                shared.lose_task_to_a_panic();
                ensure(&shared);
            });
            self.is_done = catch_unwind(restart).is_ok();
        }
    }
}

impl Drop for Restart {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade().filter(|_| !self.is_done) {
            shared.lose_runtime();
        }
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
