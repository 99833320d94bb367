//! Secrets that can be told from anything else.

/// Part of every secret in the inputs, and of nothing that may be shown.
pub(crate) const MARK: &str = "s3cr3t";

/// Fails if a text that people may read has a secret in it.
pub(crate) fn assert_none_in(shown: &str) {
    assert!(!shown.contains(MARK), "it shows a secret: {shown}");
}
