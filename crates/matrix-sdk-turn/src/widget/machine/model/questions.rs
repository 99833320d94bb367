//! What a test asks the model, to compare with what the machine says and does.

use super::{Message, Millis, Model, Request, words::Negotiation};

impl Model {
    /// When the driver is to look again, if nothing happens before.
    pub(crate) fn timeout(&self) -> Option<Millis> {
        let pending = (!self.pending.0.is_empty()).then_some(self.pending.1);
        pending.into_iter().chain(self.updates.in_flight).min()
    }

    pub(crate) fn wants_credentials(&self) -> bool {
        self.watches || !self.pending.0.is_empty()
    }

    /// W11: whether the service is to say what there is now.
    pub(crate) fn wants_state(&self) -> bool {
        self.service.wants_news
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.service.is_subscribed
    }

    pub(crate) fn has_message(&self) -> bool {
        !self.responses.is_empty() || (self.due_update().is_some() && !self.has_expired())
    }

    /// Whether the provider is asked for a decision on TURN as well.
    pub(crate) fn is_turn_requested(&self) -> bool {
        self.negotiation == Negotiation::Answered { turn: true }
    }

    /// W5: what `notify_capabilities` says was requested, and approved. `None` if it is none of ours.
    pub(crate) fn negotiated(&self) -> Option<(bool, bool)> {
        match self.negotiation {
            Negotiation::Decided { turn, granted } => Some((turn, granted)),
            _ => None,
        }
    }

    /// The requests whose responses the client has not received yet.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = Request> {
        let responses = self.responses.iter().filter_map(|message| match message {
            Message::Response(request, _) => Some(*request),
            Message::Update(_) => None,
        });
        self.pending.0.iter().copied().chain(responses)
    }
}
