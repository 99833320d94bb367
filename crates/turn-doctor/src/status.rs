//! The exit status.

use turn_probe::{Diagnosis, Verdict};

/// If nothing was found out.
pub(crate) const COULD_NOT_ASK: u8 = 3;

/// That of an examination.
pub(crate) fn of(diagnosis: &Diagnosis) -> u8 {
    match diagnosis.verdict {
        Verdict::AllRelay if diagnosis.has_problem() => 1,
        Verdict::AllRelay => 0,
        Verdict::SomeRelay => 1,
        Verdict::NoneRelays => 2,
    }
}
