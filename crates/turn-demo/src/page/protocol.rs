//! What the page and this program tell each other over the WebSocket, as JSON.

use matrix_sdk_turn::TurnStatus;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use turn_embedded::Fault;

use super::{
    events::{Event, Track},
    prompts::Question,
};

/// One of the two widgets on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum WidgetId {
    A,
    B,
}

impl WidgetId {
    /// As the widget API knows it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// From the page.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromPage {
    /// A widget is about to load: it needs a driver.
    Open { widget: WidgetId },
    /// Its view is closed.
    Close { widget: WidgetId },
    /// What a widget posted.
    Message { widget: WidgetId, message: Value },
    /// The user's answer to a [`Question`].
    Decide { widget: WidgetId, allow: bool, remember: bool },
    /// The user wants to be asked again.
    Forget,
    /// The TURN server rejected credentials with this username.
    Rejected { username: String },
    /// The user breaks something.
    Break(Breakage),
}

/// What the user can break, and set.
#[derive(Debug, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum Breakage {
    /// The homeserver answers like this from now on, or well.
    Homeserver { fault: Option<FaultName> },
    /// The secret that the homeserver and the TURN server share becomes another.
    Secret,
    /// The machine sleeps for this many seconds.
    Sleep { seconds: u32 },
    /// Credentials are valid for this many seconds from now on, which stand for this many seconds to
    /// the clients that we are compared with.
    Ttl { seconds: u32, stands_for: u32 },
    /// The client calls `refresh()`.
    Refresh,
    /// Somebody subscribes on a runtime of their own, which ends.
    Runtime,
}

/// The faults of the embedded homeserver, as the page calls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultName {
    Forbidden,
    NotConfigured,
    RateLimited,
    Outage,
    ProxyPage,
    Nonsense,
    Hanging,
}

impl From<FaultName> for Fault {
    fn from(name: FaultName) -> Self {
        match name {
            FaultName::Forbidden => Self::Forbidden,
            FaultName::NotConfigured => Self::NotConfigured,
            FaultName::RateLimited => Self::RateLimited,
            FaultName::Outage => Self::Outage,
            FaultName::ProxyPage => Self::ProxyPage,
            FaultName::Nonsense => Self::Nonsense,
            FaultName::Hanging => Self::Hanging,
        }
    }
}

/// To the page.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToPage {
    /// The stage is set.
    Welcome { now: u64, resumed: bool, homeserver: String, turn_server: String },
    /// For a widget.
    Message { widget: WidgetId, message: Box<RawValue> },
    /// For the user.
    Question(Question),
    /// For the timeline.
    Event(Event),
    /// What there is right now, four times a second.
    Status(Box<Status>),
    /// The stage could not be set.
    Failed { why: String },
}

/// What there is right now.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    pub(super) now: u64,
    pub(super) service: TurnStatus,
    /// For how long the credentials that are held were handed out.
    pub(super) ttl_ms: Option<u64>,
    pub(super) username: Option<String>,
    pub(super) fault: Option<FaultName>,
    pub(super) tracks: Vec<TrackStatus>,
    /// The user's answer to all further questions, if there is one.
    pub(super) remembered: Option<bool>,
}

/// What a client has in its hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Holds {
    /// Nothing was asked yet.
    Idle,
    /// Credentials that are valid.
    Valid,
    /// Nothing, and whoever asks is told so.
    Nothing,
    /// Credentials that a TURN server refuses, and that are used all the same.
    Stale,
}

/// How one policy fares.
#[derive(Debug, Serialize)]
pub(super) struct TrackStatus {
    pub(super) track: Track,
    pub(super) holds: Holds,
    pub(super) requests: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_words_are_understood() {
        for text in [
            r#"{"type":"open","widget":"a"}"#,
            r#"{"type":"message","widget":"b","message":{"api":"fromWidget"}}"#,
            r#"{"type":"decide","widget":"a","allow":true,"remember":false}"#,
            r#"{"type":"break","what":"homeserver","fault":"proxy_page"}"#,
            r#"{"type":"break","what":"homeserver","fault":null}"#,
            r#"{"type":"break","what":"ttl","seconds":30,"stands_for":3600}"#,
        ] {
            serde_json::from_str::<FromPage>(text).unwrap();
        }
        assert!(serde_json::from_str::<FromPage>(r#"{"type":"open","widget":"c"}"#).is_err());
    }
}
