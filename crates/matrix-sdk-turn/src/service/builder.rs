//! How a service is set up.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{TurnService, shared::Shared};
use crate::{
    clock::{Clock, SystemClock},
    policy::RefreshPolicy,
    schedule::{Rng, Schedule},
    source::TurnServerSource,
};

/// Makes a [`TurnService`] with another source, runtime, policy or clock than the usual.
#[derive(Debug)]
#[must_use = "`build` makes the service"]
pub struct TurnServiceBuilder {
    source: Box<dyn TurnServerSource>,
    runtime: Option<Handle>,
    policy: RefreshPolicy,
    clock: Arc<dyn Clock>,
    rng: Rng,
}

impl TurnServiceBuilder {
    pub(super) fn new(source: impl TurnServerSource) -> Self {
        Self {
            source: Box::new(source),
            runtime: None,
            policy: RefreshPolicy::default(),
            clock: Arc::new(SystemClock),
            rng: Rng::new(),
        }
    }

    /// Runs on this runtime, instead of the one that [`build`](Self::build) is called on.
    ///
    /// Its timers must be enabled, and somebody must drive it: a multi-threaded runtime does so by
    /// itself, a current-thread one only during `block_on`.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
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
        let Self { source, runtime, policy, clock, rng } = self;
        let runtime = runtime.unwrap_or_else(current_runtime);
        let schedule = Schedule::new(policy, rng);
        let shared = Shared::new(source, runtime, clock, policy.request_timeout, schedule);
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
