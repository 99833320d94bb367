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

    #[test]
    fn w03_a_response_to_another_request_requests_nothing() {
        let response = json!({ "capabilities": TURN_SERVERS }).to_string();
        for request_id in [None, Some(""), Some("another")] {
            let mut negotiation = asked();
            negotiation.answered(request_id, &response);
            assert!(!negotiation.is_turn_requested());
        }
    }

    #[test]
    fn w04_turn_is_granted_if_it_was_requested_and_the_provider_says_so() {
        let all = json!({ "capabilities": TURN_SERVERS });
        let none = json!({ "capabilities": [] });
        for (requested, granted, expected) in
            [(&all, true, true), (&all, false, false), (&none, true, false)]
        {
            let mut negotiation = answered(requested);
            assert_eq!(negotiation.decide(granted), Some(expected));
            assert_eq!(negotiation.permission().is_ok(), expected);
        }
    }

    #[test]
    fn w06_until_it_is_decided_a_request_is_refused() {
        let undecided = answered(&json!({ "capabilities": TURN_SERVERS }));
        for negotiation in [Negotiation::NotYet, asked(), undecided] {
            assert_eq!(negotiation.permission(), Err(Refusal::NotNegotiated));
        }
    }

    #[test]
    fn w18_a_decision_on_what_nobody_requested_grants_nothing() {
        for mut negotiation in [Negotiation::NotYet, asked()] {
            assert_eq!(negotiation.decide(true), None);
            assert_eq!(negotiation.permission(), Err(Refusal::NotNegotiated));
        }
    }
}
