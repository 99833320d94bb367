//! What this program tells the page over the WebSocket, as JSON.

use matrix_sdk_turn::TurnStatus;
use serde::Serialize;
use serde_json::value::RawValue;
use turn_embedded::Fault;

use super::{
    events::{Event, Track},
    from_page::WidgetId,
    prompts::Question,
};

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
    pub(super) fault: Option<Fault>,
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
