//! What a test asks the model, to compare with what the schedule says.

use super::{Draw, Model, Nanos, Published, Saved, Why, requests::Next};

impl Model {
    pub(crate) fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    /// How long until a request is due, for whoever is subscribed.
    pub(crate) fn next_request(&self) -> Option<Nanos> {
        self.requests.due()
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.requests.in_flight.is_some()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.requests.next == Next::Never
    }

    /// The credentials that are held.
    pub(crate) fn held(&self) -> Option<u8> {
        self.known.held.as_ref().map(|held| held.name)
    }

    pub(crate) fn valid_for(&self) -> Option<Nanos> {
        self.known.valid_for()
    }

    pub(crate) fn is_usable(&self) -> bool {
        self.known.is_usable()
    }

    pub(crate) fn is_rejected(&self) -> bool {
        self.known.is_rejected()
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.known.is_fresh()
    }

    pub(crate) fn saved(&self) -> Option<Saved> {
        self.known.saved()
    }

    pub(crate) fn last_failure(&self) -> Option<Why> {
        self.delays.failing.why
    }

    pub(crate) fn failures_in_a_row(&self) -> u32 {
        self.delays.failing.in_a_row
    }

    pub(crate) fn published(&self) -> Option<Published> {
        self.known.told
    }

    /// What the next request is due by, before it is told what that came to.
    pub(crate) fn draw(&self) -> Option<Draw> {
        self.draw
    }

    pub(crate) fn is_answer_awaited(&self) -> bool {
        self.known.is_awaited
    }
}
