//! What keeps the credentials in a store: rule S14, the shell's part.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{runtime::Handle, time::timeout};
use tracing::{Instrument, debug, debug_span, info, warn};

use super::entry::{decode, encode};
use crate::{
    runtime::InRuntime,
    schedule::{Saved, Useless},
    store::{StoreError, TurnServerStore},
};

/// A store that is slower than this is passed over: asking the homeserver takes about as long.
const LOAD_PATIENCE: Duration = Duration::from_secs(1);

/// How long the store may take to save or to remove an entry.
const WRITE_PATIENCE: Duration = Duration::from_secs(8);

/// Keeps the store as the service wants it. It outlives the service for as long as something is left
/// to be written.
pub(super) struct Keeper {
    store: InRuntime<Box<dyn TurnServerStore>>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stored: Stored,
    wanted: Option<Saved>,
    /// There is a task that writes until there is nothing left to be written.
    is_writing: bool,
}

/// What is in the store.
#[derive(Default)]
enum Stored {
    /// Nobody looked.
    #[default]
    NotKnown,
    Nothing,
    /// Something that is to be removed.
    Useless,
    Entry(Saved),
}

impl State {
    fn is_something_to_write(&self) -> bool {
        match (&self.stored, &self.wanted) {
            (Stored::NotKnown | Stored::Nothing, None) => false,
            (Stored::Entry(stored), Some(wanted)) => stored != wanted,
            (_, Some(_)) | (Stored::Useless | Stored::Entry(_), None) => true,
        }
    }
}

impl Keeper {
    pub(super) fn new(store: Box<dyn TurnServerStore>, runtime: Handle) -> Self {
        let store = InRuntime::new(store, runtime.clone());
        Self { store, runtime, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an earlier process left, if it is of use. Read once, unless the store fails.
    pub(super) async fn load(self: &Arc<Self>) -> Option<Saved> {
        if !matches!(self.state().stored, Stored::NotKnown) {
            return None;
        }
        let loaded = match within(LOAD_PATIENCE, self.store.get()?.load()).await {
            Ok(loaded) => loaded,
            Err(error) => {
                info!(%error, "no stored TURN credentials could be loaded");
                return None;
            }
        };
        let Some(bytes) = loaded.map(zeroize::Zeroizing::new) else {
            self.found(Stored::Nothing);
            return None;
        };
        match decode(&bytes) {
            Ok(saved) => {
                self.found(Stored::Entry(saved.clone()));
                Some(saved)
            }
            Err(why) => {
                warn!(%why, "discarding stored TURN credentials");
                self.found(Stored::Useless);
                self.write_in_background();
                None
            }
        }
    }

    fn found(&self, stored: Stored) {
        let mut state = self.state();
        if matches!(state.stored, Stored::NotKnown) {
            state.stored = stored;
        }
    }

    /// What was loaded cannot be used.
    pub(super) fn discard(self: &Arc<Self>, why: Useless) {
        match why {
            Useless::Expired => debug!(%why, "discarding stored TURN credentials"),
            Useless::FromTheFuture => warn!(%why, "discarding stored TURN credentials"),
        }
        self.write_in_background();
    }

    /// From now on, this is to be in the store.
    pub(super) fn want(&self, saved: Option<Saved>) {
        self.state().wanted = saved;
    }

    /// The homeserver sent credentials: what an earlier process left is older, and must not be loaded
    /// any more.
    pub(super) fn outdate(&self) {
        let mut state = self.state();
        if matches!(state.stored, Stored::NotKnown) {
            state.stored = Stored::Useless;
        }
    }

    /// The session has ended: whatever is in the store is to be removed.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.stored = Stored::Useless;
        state.wanted = None;
    }

    /// Writes what is to be written: on the service's runtime, or if that has ended, on the one of this
    /// thread.
    pub(super) fn write_in_background(self: &Arc<Self>) {
        self.spawn_writer(&self.runtime);
        if let Ok(here) = Handle::try_current() {
            self.spawn_writer(&here);
        }
    }

    fn spawn_writer(self: &Arc<Self>, runtime: &Handle) {
        let mut state = self.state();
        if state.is_writing || !state.is_something_to_write() {
            return;
        }
        state.is_writing = true;
        drop(state);
        let writer = Writer { keeper: self.clone(), has_ended: false };
        // A runtime that has shut down drops the task at once, and the writer takes back its claim.
        runtime.spawn(writer.run().instrument(debug_span!(parent: None, "turn_store")));
    }

    async fn write(&self, wanted: Option<&Saved>) {
        let Some(store) = self.store.get() else { return };
        let written = match wanted {
            Some(saved) => within(WRITE_PATIENCE, store.save(&encode(saved))).await,
            None => within(WRITE_PATIENCE, store.remove()).await,
        };
        if let Err(error) = written {
            warn!(%error, "the store of TURN credentials is not up to date");
        }
    }
}

/// The task that writes. If it goes down with its runtime, another may take its place.
struct Writer {
    keeper: Arc<Keeper>,
    has_ended: bool,
}

impl Writer {
    async fn run(mut self) {
        while let Some(wanted) = self.next() {
            self.keeper.write(wanted.as_ref()).await;
            // Also if it failed: it is not tried again before there is something else to write.
            self.keeper.state().stored = wanted.map_or(Stored::Nothing, Stored::Entry);
        }
    }

    fn next(&mut self) -> Option<Option<Saved>> {
        let mut state = self.keeper.state();
        if state.is_something_to_write() {
            return Some(state.wanted.clone());
        }
        state.is_writing = false;
        self.has_ended = true;
        None
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.has_ended {
            self.keeper.state().is_writing = false;
        }
    }
}

/// What the store answers in time. A store that panics must take nobody down with it.
async fn within<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match timeout(patience, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_panic)) => Err("the store panicked".into()),
        Err(_elapsed) => Err(format!("the store did not answer within {patience:?}").into()),
    }
}
