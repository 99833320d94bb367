//! What is said, and how bad it is.

use super::{cause::Cause, explanation::Explanation};

/// Something to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub cause: Cause,
    /// What it means, and what to change.
    pub explanation: Explanation,
    /// How bad it is.
    pub severity: Severity,
    /// The routes it is about, as indices into [`Diagnosis::routes`](crate::Diagnosis::routes). None, if
    /// it is about the whole set-up.
    pub routes: Vec<usize>,
}

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Calls fail because of it.
    Problem,
    /// Some calls are going to fail, or soon will.
    Warning,
    /// It could be better.
    Note,
}

impl Severity {
    /// A stable name, for files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A cause, how bad it is, and the route it is about: a finding before it is merged with others.
pub(super) type Observation = (Cause, Severity, Option<usize>);
