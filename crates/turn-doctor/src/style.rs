//! Styles, numbers and the verdict, as all outputs have them.

use anstyle::{AnsiColor, Style};
use turn_probe::{Diagnosis, Route, RouteStatus, Severity, Verdict};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// The verdict, in one line.
pub(crate) fn verdict(diagnosis: &Diagnosis) -> String {
    let relays = diagnosis.routes.iter().filter(|route| route.relays()).count();
    let tried = |route: &&Route| {
        route.uri.is_turn() && matches!(route.status, RouteStatus::Works | RouteStatus::Broken)
    };
    let all = diagnosis.routes.iter().filter(tried).count();
    let ways = if all == 1 { "way" } else { "ways" };
    match diagnosis.verdict {
        Verdict::AllRelay if diagnosis.has_problem() => {
            format!(
                "Everything relays from here ({relays} of {all} {ways}), and there is a problem."
            )
        }
        Verdict::AllRelay => format!("Everything relays: {relays} of {all} {ways}."),
        Verdict::SomeRelay => {
            format!("Something relays, and something does not: {relays} of {all} {ways} relay.")
        }
        Verdict::NoneRelays
            if all == 0 && diagnosis.routes.iter().any(|route| route.uri.is_turn()) =>
        {
            "Nothing relays: no way could be tried from here.".to_owned()
        }
        Verdict::NoneRelays if all == 0 => {
            "Nothing relays: there is no TURN server to try.".to_owned()
        }
        Verdict::NoneRelays => format!("Nothing relays: 0 of {all} {ways}."),
    }
}

pub(crate) fn style_of_verdict(diagnosis: &Diagnosis) -> Style {
    match diagnosis.verdict {
        Verdict::AllRelay if diagnosis.has_problem() => WARNING,
        Verdict::AllRelay => GOOD,
        Verdict::SomeRelay => WARNING,
        Verdict::NoneRelays => BAD,
    }
}

pub(crate) fn style_of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Problem => BAD,
        Severity::Warning => WARNING,
        Severity::Note => DIM,
    }
}

/// With a digit behind the point where there is room.
pub(crate) fn milliseconds(value: f64) -> String {
    match value < 9.95 {
        true => format!("{value:.1}"),
        false => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_take_four_digits_at_most() {
        let shown = [0.0, 0.04, 9.94, 9.96, 12.3, 1234.5].map(milliseconds);
        assert_eq!(shown, ["0.0", "0.0", "9.9", "10", "12", "1234"]);
    }
}
