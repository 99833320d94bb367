//! Why there are no TURN credentials.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::Serialize;

/// Why there are no TURN credentials right now.
///
/// Its `Display` is one sentence that says what to do, fit for a log or a developer's eyes. The
/// library puts no credential and no access token into it; a homeserver's Matrix error is quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub struct Unavailable {
    reason: UnavailableReason,
    detail: Option<Arc<str>>,
    retry_after: Option<RetryAfter>,
    matrix_error: Option<Arc<MatrixError>>,
}

/// When the homeserver allows the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum RetryAfter {
    Delay(Duration),
    /// Until a date of its wall clock, which the service reads with its own.
    Date(SystemTime),
}

/// The kinds of [`Unavailable`], to decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UnavailableReason {
    /// The homeserver has no TURN server to offer. The library asks again once an hour, when credentials
    /// that are held expire, and for a new subscriber after five minutes.
    NotConfigured,
    /// The homeserver's answer cannot be used: for instance a `turn:` URI without a username.
    /// Treated as [`NotConfigured`](Self::NotConfigured).
    Misconfigured,
    /// The homeserver refuses TURN to this account. Asked again on
    /// [`TurnService::refresh`](crate::TurnService::refresh), or for a new subscriber after five
    /// minutes.
    Forbidden,
    /// The client is not logged in yet. The homeserver is not asked anything; it is as soon as the
    /// client is logged in.
    NotLoggedIn,
    /// The homeserver does not accept the access token any more, and the session can get another
    /// one: a [soft logout](https://spec.matrix.org/latest/client-server-api/#soft-logout). The
    /// homeserver is asked again once the client has another token. Credentials that are held stay
    /// valid until they expire.
    SoftLoggedOut,
    /// The session has ended. This is final: the credentials are withdrawn, streams end, and
    /// nothing is asked again.
    LoggedOut,
    /// The homeserver asked for fewer requests. Asked again when it allows.
    RateLimited,
    /// No usable answer: the homeserver cannot be reached, is overloaded, or answered with
    /// something else. Asked again soon.
    Unreachable,
    /// The credentials expired, and the request for new ones is not answered yet.
    Expired,
    /// A TURN server rejected the credentials, and the homeserver has not answered since: see
    /// [`TurnService::report_rejected`](crate::TurnService::report_rejected). From
    /// [`TurnService::get`](crate::TurnService::get) and [`Refresh`](crate::Refresh); streams and
    /// widgets keep the credentials. While there are subscribers, the library asks again within 10 s.
    Rejected,
    /// The tokio runtime of the service has ended, so the library can ask for nothing any more. This
    /// is the last state of each stream. Make another service, on a runtime that runs.
    RuntimeEnded,
}

impl UnavailableReason {
    /// Whether it can end by itself, without anybody changing the homeserver's configuration or the
    /// account's rights.
    pub fn is_transient(self) -> bool {
        match self {
            Self::RateLimited
            | Self::Unreachable
            | Self::Expired
            | Self::Rejected
            | Self::NotLoggedIn
            | Self::SoftLoggedOut => true,
            Self::NotConfigured
            | Self::Misconfigured
            | Self::Forbidden
            | Self::LoggedOut
            | Self::RuntimeEnded => false,
        }
    }
}

/// An error of the Matrix client-server API, as the homeserver sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
#[non_exhaustive]
pub struct MatrixError {
    /// The status code of the HTTP response.
    pub status: u16,
    /// The `errcode`, for instance `M_FORBIDDEN`; by its stable name, if ruma knows it by another.
    pub errcode: String,
    /// The `error`: a message for people, in the homeserver's words.
    pub message: String,
    /// The standard error response, as it goes into a widget's `matrix_api_error`.
    pub response: serde_json::Value,
}

/// The longest piece of text from outside that is kept: a homeserver's error page is no message.
const MAX_TEXT_CHARS: usize = 512;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl MatrixError {
    /// An error with the given HTTP status, `errcode` and `error`. An oversized message is cut.
    pub fn new(status: u16, errcode: impl Into<String>, message: &str) -> Self {
        let (errcode, message) = (shortened(&errcode.into()), shortened(message));
        let response = serde_json::json!({ "errcode": errcode, "error": message });
        Self { status, errcode, message, response }
    }

    /// The same error, with the further fields that the homeserver's error response had.
    #[must_use]
    pub fn with_response(self, response: serde_json::Value) -> Self {
        Self { response, ..self }
    }
}

impl fmt::Display for MatrixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, errcode, message, .. } = self;
        write!(f, "[{status} / {}] {}", OneLine(errcode), OneLine(message))
    }
}

/// Text from outside with its control characters escaped, so that it cannot forge a line of a log.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            if char.is_control() {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        Ok(())
    }
}

/// How the SDK puts a Matrix error into an error response to a widget.
#[derive(Debug, Serialize)]
#[cfg(feature = "widget")]
pub(crate) struct WidgetMatrixError<'a> {
    http_status: u16,
    response: &'a serde_json::Value,
}

impl Unavailable {
    /// Without any more to say than the reason.
    pub fn new(reason: UnavailableReason) -> Self {
        Self { reason, detail: None, retry_after: None, matrix_error: None }
    }

    /// No usable answer, and a few words on what happened.
    pub(crate) fn unreachable(detail: impl AsRef<str>) -> Self {
        Self::new(UnavailableReason::Unreachable).with_detail(detail)
    }

    /// With a few words on what happened. They must hold no secret; an oversized text is cut.
    pub fn with_detail(self, detail: impl AsRef<str>) -> Self {
        Self { detail: Some(shortened(detail.as_ref()).into()), ..self }
    }

    /// With the delay that the homeserver named. Zero is none.
    pub fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        let named = retry_after.filter(|delay| !delay.is_zero());
        Self { retry_after: named.map(RetryAfter::Delay), ..self }
    }

    /// With the date that the homeserver named in place of a delay. The service reads it with its own
    /// clock; a date in the past is none.
    pub fn with_retry_date(self, date: SystemTime) -> Self {
        Self { retry_after: Some(RetryAfter::Date(date)), ..self }
    }

    /// Reads the date that the homeserver named, if it named one, at the moment `now` of its answer.
    /// A date in the past names no time.
    pub(crate) fn dated(self, now: SystemTime) -> Self {
        match self.retry_after {
            Some(RetryAfter::Date(date)) => self.with_retry_after(date.duration_since(now).ok()),
            _ => self,
        }
    }

    /// With the Matrix error that the homeserver answered.
    pub fn with_matrix_error(self, error: MatrixError) -> Self {
        Self { matrix_error: Some(Arc::new(error)), ..self }
    }

    /// The kind of it.
    pub fn reason(&self) -> UnavailableReason {
        self.reason
    }

    /// A few words on what happened, if there is more to say than the kind. They may come from
    /// outside, and contain control characters.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The delay that the homeserver named, counted from its answer. Only with
    /// [`UnavailableReason::RateLimited`]. A homeserver may name a date instead: the service turns
    /// it into a delay by its own clock, and before that this is `None`.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.retry_after {
            Some(RetryAfter::Delay(delay)) => Some(delay),
            Some(RetryAfter::Date(_)) | None => None,
        }
    }

    /// The Matrix error that the homeserver answered, if it answered one.
    pub fn matrix_error(&self) -> Option<&MatrixError> {
        self.matrix_error.as_deref()
    }

    #[cfg(feature = "widget")]
    pub(crate) fn widget_matrix_error(&self) -> Option<WidgetMatrixError<'_>> {
        self.matrix_error()
            .map(|error| WidgetMatrixError { http_status: error.status, response: &error.response })
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            UnavailableReason::NotConfigured => {
                "the homeserver offers no TURN server: its administrator has to configure one"
            }
            UnavailableReason::Misconfigured => {
                "the homeserver's TURN servers cannot be used: its administrator has to correct \
                 their configuration"
            }
            UnavailableReason::Forbidden => {
                "the homeserver refuses TURN to this account: ask its administrator for access"
            }
            UnavailableReason::NotLoggedIn => {
                "the client is not logged in: the homeserver is asked once it is"
            }
            UnavailableReason::SoftLoggedOut => {
                "the homeserver does not accept the access token any more: refresh it, or log in \
                 again"
            }
            UnavailableReason::LoggedOut => "the session has ended: log in again",
            UnavailableReason::RateLimited => {
                "the homeserver asked for fewer requests: it is asked again when it allows"
            }
            UnavailableReason::Unreachable => {
                "the homeserver gave no usable answer: it is asked again soon"
            }
            UnavailableReason::RuntimeEnded => {
                "the tokio runtime of the TURN service has ended: make another service on a runtime \
                 that runs"
            }
            UnavailableReason::Rejected => {
                "a TURN server rejected the credentials: wait for the next ones on the stream, or ask \
                 again in 10 s"
            }
            UnavailableReason::Expired => {
                "the TURN credentials expired and new ones are not here yet: they are being asked \
                 for"
            }
        })?;
        if let Some(detail) = &self.detail {
            write!(f, " ({})", OneLine(detail))?;
        }
        if let Some(error) = &self.matrix_error {
            write!(f, " {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unavailable {}

impl From<UnavailableReason> for Unavailable {
    fn from(reason: UnavailableReason) -> Self {
        Self::new(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_is_what_was_said_beside_the_kind() {
        assert_eq!(Unavailable::unreachable("refused").detail(), Some("refused"));
        assert_eq!(Unavailable::new(UnavailableReason::Unreachable).detail(), None);
    }

    #[test]
    fn text_from_outside_is_cut() {
        let error = MatrixError::new(500, "M_UNKNOWN", &"é".repeat(1_000_000));
        assert_eq!(error.message.chars().count(), MAX_TEXT_CHARS + 1);
    }

    #[test]
    fn control_characters_of_a_homeservers_message_are_escaped() {
        let error = MatrixError::new(403, "M_\u{7}", "no\n2026-01-01 ERROR forged\u{1b}[31m");
        let unavailable = Unavailable::new(UnavailableReason::Forbidden)
            .with_detail("a\r\nb")
            .with_matrix_error(error);
        let line = unavailable.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.contains("no\\n2026-01-01 ERROR forged\\u{1b}[31m"), "{line}");
    }

    #[test]
    fn the_sentence_ends_with_the_homeservers_words() {
        let unavailable = Unavailable::new(UnavailableReason::Forbidden)
            .with_matrix_error(MatrixError::new(403, "M_FORBIDDEN", "guests may not call"));

        assert_eq!(
            unavailable.to_string(),
            "the homeserver refuses TURN to this account: ask its administrator for access \
             [403 / M_FORBIDDEN] guests may not call"
        );
    }
}
