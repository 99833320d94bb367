//! How a service is set up.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    TurnService,
    fallback::{Fallback, InvalidFallback},
    inner::Inner,
    keeper::Keeper,
    shared::Shared,
};
use crate::{
    clock::{Clock, SystemClock},
    credentials::TurnServer,
    policy::RefreshPolicy,
    runtime::InRuntime,
    schedule::{Rng, Schedule},
    source::TurnServerSource,
    store::TurnServerStore,
};

/// Makes a [`TurnService`] with another source, runtime, policy or clock than the usual.
#[derive(Debug)]
#[must_use = "`build` makes the service"]
pub struct TurnServiceBuilder {
    source: Box<dyn TurnServerSource>,
    store: Option<Box<dyn TurnServerStore>>,
    fallback: Fallback,
    runtime: Option<Handle>,
    policy: RefreshPolicy,
    clock: Arc<dyn Clock>,
    rng: Rng,
}

impl TurnServiceBuilder {
    pub(super) fn new(source: impl TurnServerSource) -> Self {
        Self {
            source: Box::new(source),
            store: None,
            fallback: Fallback::default(),
            runtime: None,
            policy: RefreshPolicy::default(),
            clock: Arc::new(SystemClock),
            rng: Rng::new(),
        }
    }

    /// Runs on this runtime, instead of the one that [`build`](Self::build) is called on.
    ///
    /// Its timers must be enabled, and it must be driven: a multi-threaded runtime does so by itself, a
    /// current-thread one only during `block_on`.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Keeps the credentials here beyond the end of the process, so that the next one starts with them:
    /// at once, without a request, and while the homeserver is down as well.
    ///
    /// They go on as if the process had not ended: they expire when they would have, and the next
    /// request is sent when it would have been. Of the clocks only the wall clock survives a restart:
    /// if it stands before the moment they were asked for, they are discarded, as are those that have
    /// expired, an entry that is damaged, and one of another session. When the session ends, the entry
    /// is removed; an app that logs out must say so by [`end_session`](TurnService::end_session).
    /// Credentials that a TURN server rejected, and those that hold for nobody knows how long, are not
    /// kept.
    ///
    /// The entry contains a password. The store decides how well it is protected.
    pub fn persist(mut self, store: impl TurnServerStore) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// ICE servers of the client's own, for a homeserver that has none to offer
    /// ([`NotConfigured`](crate::UnavailableReason::NotConfigured)), or none that can be used
    /// ([`Misconfigured`](crate::UnavailableReason::Misconfigured)).
    ///
    /// They are not used before the user agrees: see [`use_fallback`](TurnService::use_fallback).
    ///
    /// # Errors
    ///
    /// No transport could use them: there is no URI of an ICE server among them, or a `turn:` URI
    /// without username or password.
    pub fn fallback(mut self, servers: TurnServer) -> Result<Self, InvalidFallback> {
        self.fallback = Fallback::new(servers)?;
        Ok(self)
    }

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

    /// Draws jitter from a generator with this seed instead of a random one, for tests that repeat.
    pub fn seed(mut self, seed: u64) -> Self {
        self.rng = Rng::with_seed(seed);
        self
    }

    /// The service. Asks nothing yet.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, unless one was [named](Self::runtime).
    pub fn build(self) -> TurnService {
        let Self { source, store, fallback, runtime, policy, clock, rng } = self;
        let runtime = runtime.unwrap_or_else(current_runtime);
        let keeper = store.map(|store| Arc::new(Keeper::new(store, runtime.clone())));
        let source = Arc::new(InRuntime::new(source, runtime.clone()));
        let inner = Inner::new(Schedule::new(policy, rng), source, keeper, fallback);
        let shared = Shared::new(runtime, clock, policy.request_timeout, inner);
        TurnService { shared: Arc::new(shared) }
    }
}

#[allow(clippy::panic, reason = "as `tokio::spawn` does, but with words that say what to call")]
fn current_runtime() -> Handle {
    Handle::try_current().unwrap_or_else(|_| {
        panic!(
            "a TurnService needs a tokio runtime, and this thread has none: name one by \
             `TurnServiceBuilder::runtime(handle)`, or build the service inside \
             `let _entered = handle.enter();`"
        )
    })
}
