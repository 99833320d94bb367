//! What subscribers are told, and when that is news to them: rule S12.

use crate::state::{Seen, TurnState};

/// What is to be published, compared with what was published last.
#[derive(Debug, Default)]
pub(super) struct Publication {
    published: Seen,
    update: Option<TurnState>,
    /// A newcomer waits for the next answer, even if it says what everybody else knows.
    is_awaited: bool,
}

impl Publication {
    /// There is this to use now.
    pub(super) fn offer(&mut self, state: TurnState) {
        self.update = (self.published.is_news(&state) || self.is_awaited).then_some(state);
    }

    /// A newcomer is told nothing before the next answer.
    pub(super) fn await_answer(&mut self) {
        self.is_awaited = true;
    }

    /// The answer is there.
    pub(super) fn answered(&mut self) {
        self.is_awaited = false;
    }

    /// What was published last.
    pub(super) fn published(&self) -> Option<&TurnState> {
        self.published.last()
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// What to publish now, if anything. Counts as published.
    pub(super) fn take(&mut self) -> Option<TurnState> {
        let update = self.update.take()?;
        self.published.note(&update);
        Some(update)
    }
}
