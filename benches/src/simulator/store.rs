//! Where credentials outlive the process, as well as its script says.

use fastrand::Rng;
use matrix_sdk_turn::schedule::Saved;

/// Whether, and how well, credentials outlive the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// They do not.
    None,
    /// They do.
    Reliable,
    /// They do unless something goes wrong, which is often: what is there cannot be read just now,
    /// nothing is written so that what was there stays, or all of it is lost.
    Failing,
}

/// The store of one run.
#[derive(Debug)]
pub(super) struct Store {
    persistence: Persistence,
    rng: Rng,
    entry: Option<Saved>,
}

impl Store {
    pub(super) fn new(persistence: Persistence, seed: u64) -> Self {
        Self { persistence, rng: Rng::with_seed(seed), entry: None }
    }

    /// Whether there is one at all.
    pub(super) fn is_there(&self) -> bool {
        self.persistence != Persistence::None
    }

    fn fails(&mut self) -> bool {
        self.persistence == Persistence::Failing && self.rng.u8(..4) == 0
    }

    /// What is there. `None` if that cannot be told just now.
    pub(super) fn load(&mut self) -> Option<Option<Saved>> {
        (!self.fails()).then(|| self.entry.clone())
    }

    pub(super) fn save(&mut self, saved: Saved) {
        if !self.fails() {
            self.entry = Some(saved);
        } else if self.rng.bool() {
            self.entry = None;
        }
    }

    /// Never fails: if it did, no schedule could keep what was rejected from coming back.
    pub(super) fn remove(&mut self) {
        self.entry = None;
    }
}
