//! What the widget requested, and what it was granted.

use super::super::{
    capability::TURN_SERVERS,
    message::{CapabilitiesResponse, NotifyCapabilities, append_to_arrays, parse_object},
};

/// How far the negotiation of capabilities has come, as far as TURN is concerned.
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) enum Negotiation {
    NotYet,
    /// The SDK asked the widget what it requests.
    Asked {
        request_id: String,
    },
    /// The widget answered, the provider did not decide yet.
    Answered {
        requested: Vec<&'static str>,
    },
    Decided {
        requested: Vec<&'static str>,
        granted: bool,
    },
}

/// Why a request of the widget's is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotNegotiated,
    NotGranted,
}

impl Refusal {
    /// Worded as the SDK words its own.
    pub(super) fn message(self) -> String {
        match self {
            Self::NotNegotiated => {
                "Received TURN servers request before capabilities were negotiated".to_owned()
            }
            Self::NotGranted => format!("Not allowed: missing the {} capability.", TURN_SERVERS[0]),
        }
    }
}

impl Negotiation {
    /// The SDK asked the widget what it requests.
    pub(super) fn asked(&mut self, request_id: String) {
        *self = Self::Asked { request_id };
    }

    /// The widget answered a request with `response`.
    pub(super) fn answered(&mut self, request_id: Option<&str>, response: &str) {
        // Unless the SDK asked for it, the widget's word counts for nothing.
        let is_asked_for =
            matches!(self, Self::Asked { request_id: asked } if request_id == Some(asked));
        if !is_asked_for {
            return;
        }
        let written = parse_object::<CapabilitiesResponse<'_>>(response)
            .map(|response| response.capabilities)
            .unwrap_or_default();
        let requested =
            TURN_SERVERS.into_iter().filter(|turn| written.iter().any(|w| w == turn)).collect();
        *self = Self::Answered { requested };
    }

    /// Whether the decision that the provider has to take is also one on TURN.
    pub(super) fn is_turn_requested(&self) -> bool {
        matches!(self, Self::Answered { requested } if !requested.is_empty())
    }

    /// The provider decided. Returns whether TURN is granted as of now; `None` if there was nothing
    /// to decide on.
    pub(super) fn decide(&mut self, granted: bool) -> Option<bool> {
        let Self::Answered { requested } = self else { return None };
        let requested = std::mem::take(requested);
        let granted = granted && !requested.is_empty();
        *self = Self::Decided { requested, granted };
        Some(granted)
    }

    /// Whether the widget may watch TURN servers.
    pub(super) fn permission(&self) -> Result<(), Refusal> {
        match self {
            Self::Decided { granted: true, .. } => Ok(()),
            Self::Decided { granted: false, .. } => Err(Refusal::NotGranted),
            Self::NotYet | Self::Asked { .. } | Self::Answered { .. } => {
                Err(Refusal::NotNegotiated)
            }
        }
    }

    /// Adds to `notify_capabilities`, with this `data`, what was requested and granted of TURN.
    pub(super) fn amend(&self, message: &str, data: &str) -> Option<String> {
        let Self::Decided { requested, granted } = self else { return None };
        let approved = if *granted { requested.clone() } else { Vec::new() };
        let lists: NotifyCapabilities<'_> = parse_object(data)?;
        append_to_arrays(
            message,
            vec![(lists.requested, requested.clone()), (lists.approved, approved)],
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked() -> Negotiation {
        Negotiation::Asked { request_id: "sdk".to_owned() }
    }

    fn answered(response: &serde_json::Value) -> Negotiation {
        let mut negotiation = asked();
        negotiation.answered(Some("sdk"), &response.to_string());
        negotiation
    }

    #[test]
    fn w03_either_identifier_requests_turn() {
        for turn in TURN_SERVERS {
            assert!(answered(&json!({ "capabilities": ["x", turn] })).is_turn_requested());
        }
        assert!(!answered(&json!({ "capabilities": ["x"] })).is_turn_requested());
    }

    #[test]
    fn w03_malformed_capabilities_request_nothing() {
        for response in [
            json!({}),
            json!({ "capabilities": "all" }),
            json!(null),
            json!([1]),
            json!([[TURN_SERVERS[0]]]),
        ] {
            assert!(!answered(&response).is_turn_requested());
        }
    }
}
