//! The one task per account that keeps its TURN credentials fresh, and the stream of them.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_core::Stream;
use futures_util::{FutureExt, future::Fuse};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep_until, timeout},
};
use tokio_stream::wrappers::WatchStream;
use tracing::{Instrument, debug, debug_span, info, warn};

use crate::{
    clock::{Clock, SystemClock, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
    schedule::{Rng, Schedule, TurnState},
    source::{Answer, TurnServerSource},
    unavailable::{Unavailable, UnavailableReason},
};

/// TURN credentials of one account, always valid, at one request per TTL however many watch them.
///
/// Make one per account, and clone it: clones share the credentials, the task that refreshes them,
/// and the schedule. The task exists only while somebody is subscribed.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use matrix_sdk_turn::TurnService;
///
/// # async fn example(client: matrix_sdk::Client) {
/// let turn = TurnService::new(&client);
/// let mut states = turn.subscribe();
/// while let Some(state) = states.next().await {
///     println!("{}", serde_json::to_string(&state.ice_servers()).unwrap());
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct TurnService {
    shared: Arc<Shared>,
}

struct Shared {
    source: Arc<dyn TurnServerSource>,
    clock: Arc<dyn Clock>,
    request_timeout: Duration,
    inner: Mutex<Inner>,
    /// `None` until the first outcome is known.
    states: watch::Sender<Option<TurnState>>,
    /// Wakes the task: something happened that may change what is due.
    changed: Arc<Notify>,
    /// Wakes those who wait for the answer to a request.
    answered: Notify,
}

struct Inner {
    schedule: Schedule,
    subscribers: usize,
    task: Option<JoinHandle<()>>,
}

/// Makes a [`TurnService`] with another source, policy or clock than the usual.
#[derive(Debug)]
#[must_use = "`build` makes the service"]
pub struct TurnServiceBuilder {
    source: Arc<dyn TurnServerSource>,
    policy: RefreshPolicy,
    clock: Arc<dyn Clock>,
    rng: Rng,
}

impl TurnServiceBuilder {
    /// Refreshes by these durations instead of the defaults.
    pub fn policy(mut self, policy: RefreshPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Reads the time from here instead of from the machine.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Draws jitter from here instead of from a generator with a random seed.
    pub fn rng(mut self, rng: Rng) -> Self {
        self.rng = rng;
        self
    }

    /// The service. Asks nothing yet.
    pub fn build(self) -> TurnService {
        let Self { source, policy, clock, rng } = self;
        TurnService {
            shared: Arc::new(Shared {
                source,
                clock,
                request_timeout: policy.request_timeout,
                inner: Mutex::new(Inner {
                    schedule: Schedule::new(policy, rng),
                    subscribers: 0,
                    task: None,
                }),
                states: watch::Sender::new(None),
                changed: Arc::default(),
                answered: Notify::new(),
            }),
        }
    }
}

impl TurnService {
    /// The credentials of the account `client` is logged in to. Asks nothing yet.
    #[cfg(feature = "client")]
    pub fn new(client: &matrix_sdk::Client) -> Self {
        Self::builder(crate::HomeserverSource::new(client)).build()
    }

    /// Starts from another source than the homeserver.
    pub fn builder(source: impl TurnServerSource) -> TurnServiceBuilder {
        TurnServiceBuilder {
            source: Arc::new(source),
            policy: RefreshPolicy::default(),
            clock: Arc::new(SystemClock),
            rng: Rng::new(),
        }
    }

    /// The credentials now, and whenever they change.
    ///
    /// The first item comes at once if valid credentials are held, else as soon as the homeserver
    /// has answered or failed to. Keeping the stream keeps the credentials fresh; dropping the last
    /// one stops all timers and requests.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, like [`tokio::spawn`].
    pub fn subscribe(&self) -> TurnStates {
        let (subscription, states) = Subscription::new(&self.shared);
        TurnStates { states, last: None, subscription }
    }

    /// Valid credentials: those that are held, or else those that the homeserver answers now.
    ///
    /// What is held is returned at once as long as more than a quarter of its life is left, and no
    /// TURN server rejected it. Else the homeserver is asked first, if a request is due; what is
    /// held is the answer if that fails. And if the homeserver just failed to answer, or said that
    /// it has no TURN server, then that is the answer here too, until it is time to ask again.
    ///
    /// # Errors
    ///
    /// Says why there are no credentials.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, like [`tokio::spawn`].
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any await. The answer to a request that was sent is kept for the next
    /// caller.
    pub async fn get(&self) -> Result<TurnServer, Unavailable> {
        if self.shared.is_fresh()
            && let Some(TurnState::Available(server)) = self.shared.catch_up()
        {
            return Ok(server);
        }

        let (_subscription, _) = Subscription::new(&self.shared);
        let mut answered = pin!(self.shared.answered.notified());
        answered.as_mut().enable();
        if !self.shared.is_fresh() && self.shared.is_asking() {
            answered.await;
        }
        self.shared
            .catch_up()
            .map_or_else(|| Err(Unavailable::new(UnavailableReason::Expired)), TurnState::into)
    }

    /// Asks now: the network changed, or the app resumed.
    ///
    /// Does nothing while a request is in flight, within 10 s of the last success, or while the
    /// homeserver's `retry_after` runs. While nobody is subscribed, it is the next subscriber for
    /// whom the homeserver is asked. May be called at any rate.
    pub fn refresh(&self) {
        self.shared.tell(|schedule, now| schedule.refresh(now));
    }

    /// The TURN server rejected these credentials, for instance with 401 to an Allocate request
    /// ([RFC 8656, 5](https://www.rfc-editor.org/rfc/rfc8656#section-5)).
    ///
    /// If they are the current ones, asks for others now, or for the next subscriber or
    /// [`get`](Self::get); but not within 10 s of the last time it did, then as soon as those are
    /// over. If the homeserver answers the same ones again, as one that derives them from the time
    /// of day does within a second, subscribers are not woken, and it is for you to report again.
    pub fn report_rejected(&self, server: &TurnServer) {
        self.shared.tell(|schedule, now| schedule.report_rejected(now, server));
    }

    /// How long until the homeserver is asked next, unless something happens before. `None` while
    /// nobody is subscribed, a request is in flight, or none is due by itself.
    pub fn next_request_in(&self) -> Option<Duration> {
        self.shared.lock().schedule.next_request_in(self.shared.clock.now())
    }

    #[cfg(feature = "widget")]
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.shared.clock.clone()
    }
}

impl fmt::Debug for TurnService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnService")
            .field("source", &self.shared.source)
            .field("subscribers", &self.shared.lock().subscribers)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that runs under the lock panics halfway through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: impl FnOnce(&mut Schedule, Timestamp)) {
        let mut inner = self.lock();
        let now = self.clock.now();
        event(&mut inner.schedule, now);
        self.publish(&mut inner, now);
        drop(inner);
        self.changed.notify_one();
    }

    /// Under the lock, so that an older state never follows a newer one. Returns whether there was
    /// something to publish.
    fn publish(&self, inner: &mut Inner, now: Timestamp) -> bool {
        let update = inner.schedule.take_update(now);
        let is_update = update.is_some();
        if let Some(state) = update {
            debug!(?state, "TURN credentials changed");
            self.states.send_replace(Some(state));
        }
        is_update
    }

    /// Withdraws what expired while the timers stood still, and returns what is left.
    fn catch_up(&self) -> Option<TurnState> {
        let mut inner = self.lock();
        if self.publish(&mut inner, self.clock.now()) {
            self.changed.notify_one();
        }
        self.states.borrow().clone()
    }

    fn is_fresh(&self) -> bool {
        self.lock().schedule.is_fresh(self.clock.now())
    }

    fn is_asking(&self) -> bool {
        self.lock().schedule.is_asking(self.clock.now())
    }

    /// Decides what the task does next. `None`: nothing more, and it is gone as of now.
    fn next_step(&self) -> Option<Step> {
        let mut inner = self.lock();
        let now = self.clock.now();
        self.publish(&mut inner, now);
        let begin_request = inner.schedule.begin_request(now);
        if inner.subscribers == 0 && !inner.schedule.is_asking(now) {
            inner.task = None;
            return None;
        }
        Some(Step { begin_request, wakeup: inner.schedule.next_wakeup(now) })
    }

    fn answered(&self, answer: Result<Answer, Unavailable>) {
        match &answer {
            Ok(_) => {}
            // Once per retry, however long an outage takes.
            Err(why) if why.reason().is_transient() => info!(%why, "no TURN credentials"),
            Err(why) => warn!(%why, "no TURN credentials"),
        }
        self.tell(|schedule, now| schedule.answered(now, answer));
        self.answered.notify_waiters();
    }

    fn ensure_task(self: &Arc<Self>, inner: &mut Inner) {
        match &inner.task {
            Some(task) if !task.is_finished() => return,
            // It went down with its runtime.
            Some(_) => {
                let abandoned = Unavailable::new(UnavailableReason::Unreachable)
                    .with_detail("the request was abandoned");
                inner.schedule.answered(self.clock.now(), Err(abandoned));
                self.answered.notify_waiters();
            }
            None => {}
        }
        let task = keep_fresh(
            Arc::downgrade(self),
            self.source.clone(),
            self.changed.clone(),
            self.request_timeout,
        );
        inner.task = Some(tokio::spawn(task.instrument(debug_span!("turn_service"))));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(task) = self.lock().task.take() {
            task.abort();
        }
    }
}

struct Step {
    begin_request: bool,
    wakeup: Option<Instant>,
}

/// The task. It holds no strong reference while it waits, so that dropping the last handle ends it.
async fn keep_fresh(
    shared: Weak<Shared>,
    source: Arc<dyn TurnServerSource>,
    changed: Arc<Notify>,
    request_timeout: Duration,
) {
    let mut request = pin!(Fuse::terminated());
    while let Some(step) = shared.upgrade().and_then(|shared| shared.next_step()) {
        if step.begin_request {
            debug!("asking for TURN credentials");
            request.set(ask(source.as_ref(), request_timeout).fuse());
        }
        tokio::select! {
            answer = &mut request => {
                if let Some(shared) = shared.upgrade() {
                    shared.answered(answer);
                }
            }
            () = sleep_until_or_forever(step.wakeup) => {}
            () = changed.notified() => {}
        }
    }
}

async fn ask(
    source: &dyn TurnServerSource,
    request_timeout: Duration,
) -> Result<Answer, Unavailable> {
    let failed = |detail| Err(Unavailable::new(UnavailableReason::Unreachable).with_detail(detail));
    // A source that panics must not take the subscribers down with it.
    let fetch = AssertUnwindSafe(async { source.fetch().await }).catch_unwind();
    match timeout(request_timeout, fetch).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => failed("the source panicked".to_owned()),
        Err(_elapsed) => failed(format!("no answer within {request_timeout:?}")),
    }
}

async fn sleep_until_or_forever(wakeup: Option<Instant>) {
    match wakeup {
        Some(wakeup) => sleep_until(wakeup.into()).await,
        None => std::future::pending().await,
    }
}

/// Counts as a subscriber until it is dropped.
struct Subscription {
    shared: Arc<Shared>,
}

impl Subscription {
    /// With the states from now on: from the newest on, unless that is out of date.
    fn new(shared: &Arc<Shared>) -> (Self, WatchStream<Option<TurnState>>) {
        let mut inner = shared.lock();
        // Before anything is counted: this is what panics outside of a runtime.
        shared.ensure_task(&mut inner);
        inner.subscribers += 1;
        let now = shared.clock.now();
        inner.schedule.subscribe(now);
        shared.publish(&mut inner, now);
        let states = shared.states.subscribe();
        let states = if inner.schedule.is_waiting_for_outcome() {
            WatchStream::from_changes(states)
        } else {
            WatchStream::new(states)
        };
        drop(inner);
        shared.changed.notify_one();
        (Self { shared: shared.clone() }, states)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        inner.subscribers -= 1;
        if inner.subscribers == 0 {
            inner.schedule.unsubscribe();
        }
        drop(inner);
        self.shared.changed.notify_one();
    }
}

/// A [`Stream`] of [`TurnState`]s, from [`TurnService::subscribe`].
///
/// It never ends. Whoever is slow to poll it misses states in between, never the newest; and is
/// never handed credentials that have expired in the meantime, nor the same state twice in a row.
pub struct TurnStates {
    states: WatchStream<Option<TurnState>>,
    /// What is published once more, for the sake of a newcomer, may be known here.
    last: Option<TurnState>,
    subscription: Subscription,
}

impl Stream for TurnStates {
    type Item = TurnState;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TurnState>> {
        self.subscription.shared.catch_up();
        loop {
            match Pin::new(&mut self.states).poll_next(cx) {
                Poll::Ready(Some(None)) => {}
                Poll::Ready(Some(Some(state))) => {
                    let is_known = self.last.as_ref().is_some_and(|last| state.is_known_from(last));
                    if !is_known {
                        self.last = Some(state.clone());
                        return Poll::Ready(Some(state));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for TurnStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnStates").finish_non_exhaustive()
    }
}
