//! What subscribers are told, and when that is news to them: rule S12.

use crate::state::{Seen, TurnState};

/// What is to be published, compared with what was published last.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, Hash))]
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

/// The publication as it is once the credentials that are held have been replaced by a copy.
#[cfg(test)]
mod explored {
    use super::Publication;
    use crate::{credentials::TurnServer, state::TurnState};

    impl Publication {
        pub(in super::super) fn follow(&mut self, held: Option<(&TurnServer, &TurnServer)>) {
            let follow = |state: TurnState| match (state, held) {
                (TurnState::Available(server), Some((original, copy)))
                    if server.shares_expiry_with(original) =>
                {
                    TurnState::Available(copy.clone())
                }
                // It has been withdrawn, and says nothing by its expiry.
                (TurnState::Available(server), _) => TurnState::Available(server.expiring(None)),
                (state, _) => state,
            };
            if let Some(last) = self.published.last().cloned() {
                self.published.note(&follow(last));
            }
            self.update = self.update.take().map(follow);
        }
    }
}
