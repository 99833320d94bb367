//! What a debug screen shows of a service.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::{
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

/// What a service knows right now, for a debug screen or a bug report, from
/// [`TurnService::status`](crate::TurnService::status). It holds no secret, and no username.
///
/// Serialized, durations are whole milliseconds, moments are milliseconds since the beginning of 1970,
/// and the names of both end in `_ms`:
///
/// ```json
/// {
///   "state": "available",
///   "valid_for_ms": 86000000,
///   "subscribers": 1,
///   "requests": 3,
///   "asked_at_ms": 1700000000000,
///   "next_request_in_ms": 57000000,
///   "failures_in_a_row": 1,
///   "last_failure": { "reason": "unreachable", "message": "the homeserver gave no usable answer: …" }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TurnStatus {
    /// What there is to use; `None` before the first outcome.
    pub state: Option<TurnStateKind>,
    /// How long the credentials still hold. `None` if there are none, or if that is not known.
    #[serde(rename = "valid_for_ms", serialize_with = "opt_millis")]
    pub valid_for: Option<Duration>,
    /// How many are subscribed: streams, widgets that watch, and calls of
    /// [`get`](crate::TurnService::get) that wait.
    pub subscribers: usize,
    /// How many times the source was asked.
    pub requests: u64,
    /// When it was last asked, on the wall clock.
    #[serde(rename = "asked_at_ms", serialize_with = "opt_since_1970")]
    pub asked_at: Option<SystemTime>,
    /// As [`TurnService::next_request_in`](crate::TurnService::next_request_in).
    #[serde(rename = "next_request_in_ms", serialize_with = "opt_millis")]
    pub next_request_in: Option<Duration>,
    /// How many requests failed since the last that succeeded.
    pub failures_in_a_row: u32,
    /// Why the last of them failed.
    #[serde(serialize_with = "opt_failure")]
    pub last_failure: Option<Unavailable>,
}

/// The kinds of [`TurnState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnStateKind {
    /// [`TurnState::Available`].
    Available,
    /// [`TurnState::Fallback`].
    Fallback,
    /// [`TurnState::Unavailable`].
    Unavailable,
}

impl From<&TurnState> for TurnStateKind {
    fn from(state: &TurnState) -> Self {
        match state {
            TurnState::Available(_) => Self::Available,
            TurnState::Fallback { .. } => Self::Fallback,
            TurnState::Unavailable(_) => Self::Unavailable,
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn opt_millis<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(millis).serialize(serializer)
}

fn opt_since_1970<S: Serializer>(
    moment: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let since = |moment: &SystemTime| moment.duration_since(SystemTime::UNIX_EPOCH).ok();
    moment.as_ref().and_then(since).map(millis).serialize(serializer)
}

fn opt_failure<S: Serializer>(
    failure: &Option<Unavailable>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Failure {
        reason: UnavailableReason,
        message: String,
    }

    let failure = failure.as_ref();
    failure
        .map(|why| Failure { reason: why.reason(), message: why.to_string() })
        .serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_is_serialized_in_milliseconds() {
        let mut status = TurnStatus {
            state: Some(TurnStateKind::Available),
            valid_for: Some(Duration::from_secs(86_000)),
            subscribers: 1,
            requests: 3,
            asked_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250)),
            next_request_in: Some(Duration::from_secs(57_000)),
            failures_in_a_row: 1,
            last_failure: Some(UnavailableReason::Forbidden.into()),
        };
        let message = status.last_failure.as_ref().map(ToString::to_string);
        assert_eq!(
            serde_json::to_value(&status).unwrap(),
            json!({
                "state": "available",
                "valid_for_ms": 86_000_000,
                "subscribers": 1,
                "requests": 3,
                "asked_at_ms": 1_700_000_000_250_u64,
                "next_request_in_ms": 57_000_000,
                "failures_in_a_row": 1,
                "last_failure": { "reason": "forbidden", "message": message },
            })
        );
        (status.valid_for, status.asked_at, status.last_failure) = (None, None, None);
        let nothing = serde_json::to_value(&status).unwrap();
        for name in ["valid_for_ms", "asked_at_ms", "last_failure"] {
            assert_eq!(nothing[name], json!(null), "{name}");
        }
    }
}
