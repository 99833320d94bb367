//! The rules, each with the sentence that a broken check quotes.

use std::{fmt, hash};

/// A rule of ARCHITECTURE.md, "The widget machine's rules".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "the sentence is in `Rule::sentence`")]
pub enum Rule {
    W1,
    W2,
    W3,
    W4,
    W5,
    W6,
    W7,
    W8,
    W9,
    W10,
    W11,
    W12,
    W13,
    W14,
    W15,
    W16,
    W17,
    W18,
    W19,
    W20,
    W21,
}

impl Rule {
    /// What the rule demands.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::W1 => "messages that are not ours pass unchanged, and ours do not reach the SDK",
            Self::W2 => "`supported_api_versions` gains the MSC's version once",
            Self::W3 => {
                "the first response to the SDK's newest `capabilities` request says what is requested"
            }
            Self::W4 => "TURN is denied unless the provider grants it",
            Self::W5 => {
                "`notify_capabilities` gains what was requested and granted, and nothing else"
            }
            Self::W6 => "without the capability, requests fail with the SDK's words",
            Self::W7 => "the first outcome answers `watch`, after 8 s at the latest",
            Self::W8 => "responses go out before updates",
            Self::W9 => "`watch` while watching has no effect; pending ones are answered together",
            Self::W10 => "`unwatch` succeeds, and no update follows its response",
            Self::W11 => {
                "one update is in flight, for 10 s at most; it is the newest, valid, and sent twice at most"
            }
            Self::W12 => "an update has a URI list, a username and a password",
            Self::W13 => "without credentials, only a widget that opted in is sent an empty list",
            Self::W14 => {
                "`content_loaded` changes nothing until the next `watch`, which gets the current credentials"
            }
            Self::W15 => "a negotiation that ends without TURN ends the watch",
            Self::W16 => "messages of another widget have no effect",
            Self::W17 => "a response repeats its request to the byte",
            Self::W18 => "nothing that the widget sends grants it anything",
            Self::W19 => {
                "at most 15 requests are pending and 64 responses wait; the rest is refused or dropped"
            }
            Self::W20 => {
                "after the driver or the last handle is dropped, responses go out and updates do not"
            }
            Self::W21 => "a grant starts the subscription, and 10 s without a watch end it",
        }
    }

    /// Fails in the name of this rule if the library did something else.
    ///
    /// # Errors
    ///
    /// The rule, what the library did, and what the rule demands.
    pub fn demands<T: fmt::Debug + PartialEq>(
        self,
        what: impl fmt::Display,
        expected: T,
        seen: T,
    ) -> Result<(), String> {
        if seen == expected {
            Ok(())
        } else {
            Err(self.broken(format_args!("{what} is {seen:?} instead of {expected:?}")))
        }
    }

    /// The error for a broken rule.
    pub fn broken(self, how: impl fmt::Display) -> String {
        format!("{self:?}: {}; but {how}", self.sentence())
    }
}

/// The rule behind a part of the state. Only errors need it, so states that differ in it are the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Because<R = Rule>(pub(super) R);

impl<R> hash::Hash for Because<R> {
    fn hash<H: hash::Hasher>(&self, _: &mut H) {}
}
