//! W3 to W6 and W18: what was requested, and what is granted.

use super::{
    message::{Message, ToWidget},
    model::turn_servers_in,
};
use crate::fields::Fields;

/// How far it has come.
pub(super) enum Negotiation {
    NotYet,
    Asked(String),
    Answered(Vec<&'static str>),
    Decided { requested: Vec<&'static str>, is_granted: bool },
}

/// A list within a message to the widget, by its name, and what is to be added to it.
type Addition = (&'static str, Vec<&'static str>);

impl Negotiation {
    /// A message of the SDK's. Returns what is to be added to the lists in its data or response.
    pub(super) fn on_message_to_widget(&mut self, message: &Message<'_>) -> Vec<Addition> {
        match (message.if_to_widget(), &*self) {
            (ToWidget::Capabilities, _) => {
                if let Some(id) = &message.request_id {
                    *self = Self::Asked(id.clone());
                }
                Vec::new()
            }
            (ToWidget::Notify, Self::Decided { requested, is_granted }) => {
                let approved = if *is_granted { requested.clone() } else { Vec::new() };
                vec![("requested", requested.clone()), ("approved", approved)]
            }
            (ToWidget::Versions, _) => vec![("supported_versions", vec!["town.robin.msc3846"])],
            _ => Vec::new(),
        }
    }

    /// The widget's response to `capabilities`.
    pub(super) fn answered(&mut self, message: &Message<'_>) {
        let is_asked_for =
            matches!(self, Self::Asked(id) if message.request_id.as_ref() == Some(id));
        if is_asked_for && message.data.is_some() {
            let requested = message
                .response
                .and_then(|response| Fields::read(response.get().as_bytes()))
                .and_then(|response| response.texts("capabilities"))
                .unwrap_or_default();
            *self = Self::Answered(turn_servers_in(&requested));
        }
    }

    pub(super) fn is_turn_requested(&self) -> bool {
        matches!(self, Self::Answered(requested) if !requested.is_empty())
    }

    /// Returns whether it is granted as of now; `None` if there was nothing to decide on.
    pub(super) fn decide(&mut self, granted: bool) -> Option<bool> {
        let Self::Answered(requested) = self else { return None };
        let is_granted = granted && !requested.is_empty();
        *self = Self::Decided { requested: std::mem::take(requested), is_granted };
        Some(is_granted)
    }

    /// Why a request is refused.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Decided { is_granted: true, .. } => None,
            Self::Decided { is_granted: false, .. } => Some("Not allowed: missing the"),
            _ => Some("Received TURN servers request before capabilities were negotiated"),
        }
    }
}
