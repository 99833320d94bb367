//! What the page tells this program over the WebSocket, as JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use turn_embedded::Fault;

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
    /// The user's answer to a `Question`.
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
    Homeserver { fault: Option<Fault> },
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
