//! S2, S6 and S12: what a subscriber sees.

use matrix_sdk_turn::{Timestamp, TurnState, Unavailable, UnavailableReason};

use super::{
    super::run::{Violation, ensure},
    facts::Facts,
};

/// Judges what is published.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// What a subscriber sees who has been there for a while.
    seen: Option<TurnState>,
    newcomer: Newcomer,
}

/// Somebody who subscribed while what there was to see was out of date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Newcomer {
    /// There is none, or not any more.
    #[default]
    Served,
    /// Sees nothing before the next answer.
    Waits,
    /// The answer is there, and must be seen now.
    IsDue,
}

impl Sight {
    /// Somebody subscribed who sees nothing before the next answer.
    pub(super) fn await_answer(&mut self, facts: &Facts) {
        self.newcomer = Newcomer::Waits;
        if facts.subscribers == 1 {
            self.seen = None;
        }
    }

    pub(super) fn receive(&mut self) {
        if self.newcomer == Newcomer::Waits {
            self.newcomer = Newcomer::IsDue;
        }
    }

    /// Whether subscribers see the credentials to be used now.
    pub(super) fn shows_held(&self, facts: &Facts) -> bool {
        let seen = self.seen.as_ref().and_then(TurnState::available);
        facts.held.as_ref().is_some_and(|held| seen == Some(&held.server))
    }

    pub(super) fn update(&mut self, now: Timestamp, state: &TurnState) -> Result<(), Violation> {
        if let TurnState::Available(server) = state {
            ensure(!server.is_expired(now), "S6: published after expiry")?;
        }
        let is_repeated = self.seen.as_ref() == Some(state) && self.newcomer != Newcomer::IsDue;
        ensure(!is_repeated, "S12: woken for what was known before")?;
        self.seen = Some(state.clone());
        if self.newcomer == Newcomer::IsDue {
            self.newcomer = Newcomer::Served;
        }
        Ok(())
    }

    /// Everything that there was to publish is published.
    pub(super) fn judge(&self, facts: &Facts) -> Result<(), Violation> {
        if facts.subscribers == 0 {
            return Ok(());
        }
        self.sees_the_newest(facts)?;
        ensure(self.newcomer != Newcomer::IsDue, "who subscribed last sees no answer")
    }

    fn sees_the_newest(&self, facts: &Facts) -> Result<(), Violation> {
        match (&facts.held, &self.seen) {
            (Some(_), Some(TurnState::Available(_))) => {
                ensure(self.shows_held(facts), "a subscriber sees other than the newest")
            }
            (Some(_), _) => Err("a subscriber does not see what there is".to_owned()),
            (None, Some(TurnState::Available(_))) => {
                Err("S6: credentials that have expired, or do not hold any more, stay published"
                    .to_owned())
            }
            (None, Some(state)) => ensure(
                state.unavailable().map(Unavailable::reason)
                    == facts
                        .last_failure()
                        .or(facts.failed_before)
                        .or(Some(UnavailableReason::Expired)),
                "a subscriber sees another reason than the newest",
            ),
            (None, None) => ensure(
                facts.is_in_flight() || facts.answer.is_none(),
                "a subscriber sees nothing at all, and no answer is on its way",
            ),
        }
    }
}
