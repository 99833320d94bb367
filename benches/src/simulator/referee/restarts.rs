//! S14: what outlives the process, and what comes of it.

use matrix_sdk_turn::{Timestamp, TurnServer, TurnState, schedule::Saved};

use super::{
    super::{
        run::{Violation, ensure},
        script::Script,
        store::Persistence,
    },
    facts::Facts,
};

/// Judges what is saved, and what is served because of it.
#[derive(Debug)]
pub(super) struct Restarts {
    /// Whether anything outlives the process.
    persists: bool,
    /// What this process last found worth keeping.
    saved: Option<Saved>,
    /// What a TURN server rejected, and no process was handed again since.
    rejected: Option<TurnServer>,
}

impl Restarts {
    pub(super) fn new(script: &Script) -> Self {
        let persists = script.persistence != Persistence::None;
        Self { persists, saved: None, rejected: None }
    }

    /// The process ended.
    pub(super) fn restart(&mut self) {
        self.saved = None;
    }

    /// An answer, or a rejection, changed what is held.
    pub(super) fn note_rejected(&mut self, facts: &Facts) {
        self.rejected = facts.rejected().cloned();
    }

    /// The process found this. Returns when it was asked for, as this process would have noted it, if
    /// it is of any use.
    pub(super) fn load(
        &mut self,
        now: Timestamp,
        found: &Saved,
    ) -> Result<Option<Timestamp>, Violation> {
        let is_rejected = self.rejected.as_ref() == Some(&found.server);
        ensure(!is_rejected, "S14: what a TURN server rejected outlived the process")?;
        let Ok(age) = now.wall.duration_since(found.asked) else { return Ok(None) };
        if age >= found.ttl {
            return Ok(None);
        }
        self.saved = Some(found.clone());
        Ok(Some(Timestamp { monotonic: now.monotonic - age, wall: found.asked }))
    }

    /// The process hands this on to the next one. Restored credentials keep the refresh they had.
    pub(super) fn save(&mut self, facts: &Facts, saved: Option<&Saved>) -> Result<(), Violation> {
        let changed = match (&self.saved, saved) {
            (Some(before), Some(saved)) => facts.is_restored && saved.refresh != before.refresh,
            _ => false,
        };
        self.saved = saved.cloned();
        ensure(!changed, "S14: another refresh after a restart than before")
    }

    /// Before the first answer, nothing can be served but what an earlier process left.
    pub(super) fn judge_update(&self, facts: &Facts, state: &TurnState) -> Result<(), Violation> {
        let is_served = state.available().is_some();
        ensure(
            !is_served || facts.answer.is_some(),
            "S14: saved credentials are served that have expired, or come from the future",
        )
    }

    /// Everything is saved that there was to save.
    pub(super) fn judge(&self, facts: &Facts) -> Result<(), Violation> {
        if !self.persists {
            return Ok(());
        }
        let held = facts.held.as_ref().filter(|held| !held.is_rejected);
        let worth = held.and_then(|held| Some((&held.server, held.lifetime?)));
        match (worth, &self.saved) {
            (None, None) => Ok(()),
            (Some(_), None) => Err("S14: what is worth keeping is not saved".to_owned()),
            (None, Some(_)) => Err("S14: what is worth nothing any more is still saved".to_owned()),
            (Some((server, (sent, ttl))), Some(saved)) => ensure(
                saved.server == *server && saved.asked == sent.wall && saved.ttl == ttl,
                "S14: what is saved is not what is held",
            ),
        }
    }
}
