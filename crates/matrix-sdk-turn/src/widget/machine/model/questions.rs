//! What a test asks the model, to compare with what the machine says and does; and how time passes.

use super::{
    Message, Millis, Model, News, Request,
    words::{Known, Negotiation, Watch},
};

impl Model {
    pub(crate) fn time_passes(&mut self, span: Millis) {
        let outcome = match &mut self.watch {
            Watch::Expected(left) | Watch::Pending(_, left) => Some(left),
            Watch::No | Watch::Yes => None,
        };
        for left in [outcome, self.in_flight.as_mut(), life(&mut self.known)] {
            left.into_iter().for_each(|left| *left = left.saturating_sub(span));
        }
    }

    /// S12: the credentials hold for another time than was said, or for nobody knows how long.
    pub(crate) fn expiry_moves(&mut self, valid_for: Option<Millis>) {
        if let Known::Newest(News::Credentials(_, left)) = &mut self.known {
            *left = valid_for;
        }
    }

    pub(crate) fn is_expiry_known(&self) -> bool {
        matches!(self.known, Known::Newest(News::Credentials(_, Some(_))))
    }

    /// When the driver is to look again, if nothing happens before.
    pub(crate) fn timeout(&self) -> Option<Millis> {
        let outcome = match self.watch {
            Watch::Expected(left) | Watch::Pending(_, left) => Some(left),
            Watch::No | Watch::Yes => None,
        };
        outcome.into_iter().chain(self.in_flight).min()
    }

    pub(crate) fn wants_credentials(&self) -> bool {
        self.watch != Watch::No
    }

    /// W11: whether the service is to say what there is now.
    pub(crate) fn wants_state(&self) -> bool {
        self.known == Known::HasExpired
    }

    pub(crate) fn has_message(&self) -> bool {
        self.clone().receive().is_some()
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
        let pending = match &self.watch {
            Watch::Pending(requests, _) => &**requests,
            Watch::No | Watch::Expected(_) | Watch::Yes => &[],
        };
        let responses = self.responses.iter().filter_map(|message| match message {
            Message::Response(request, _) => Some(*request),
            Message::Update(_) => None,
        });
        pending.iter().copied().chain(responses)
    }
}

/// For how long credentials still hold, if that is known.
fn life(known: &mut Known) -> Option<&mut Millis> {
    match known {
        Known::Newest(News::Credentials(_, left)) => left.as_mut(),
        _ => None,
    }
}
