//! What is wrong with a configuration.

use serde::Serialize;
use turn_probe::Severity;

use super::turnserver_conf::Line;

/// Which file it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Which {
    #[serde(rename = "turnserver.conf")]
    Coturn,
    #[serde(rename = "homeserver.yaml")]
    Homeserver,
}

/// Something that is wrong, and what to change. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) severity: Severity,
    /// A stable name, for files: `comment_in_value`.
    pub(crate) code: &'static str,
    pub(crate) which: Which,
    pub(crate) setting: &'static str,
    pub(crate) line: Option<usize>,
    pub(crate) meaning: String,
    pub(crate) advice: String,
}

impl Mistake {
    /// In a line of turnserver.conf.
    pub(crate) fn at(
        line: &Line,
        severity: Severity,
        code: &'static str,
        meaning: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let mistake =
            Self::about(Which::Coturn, line.setting.name, severity, code, meaning, advice);
        Self { line: Some(line.number), ..mistake }
    }

    /// About a setting, whether or not it is there.
    pub(crate) fn about(
        which: Which,
        setting: &'static str,
        severity: Severity,
        code: &'static str,
        meaning: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let (meaning, advice) = (meaning.into(), advice.into());
        Self { severity, code, which, setting, line: None, meaning, advice }
    }
}
