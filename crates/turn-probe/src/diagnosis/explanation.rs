//! What a cause means, and what to change, as data.

/// What a cause means, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// A stable name, for files: `secrets_differ`.
    pub code: &'static str,
    /// What it means, in one sentence.
    pub meaning: String,
    /// What to change.
    pub advice: String,
}

pub(super) fn say(
    code: &'static str,
    meaning: impl Into<String>,
    advice: impl Into<String>,
) -> Explanation {
    Explanation { code, meaning: meaning.into(), advice: advice.into() }
}
