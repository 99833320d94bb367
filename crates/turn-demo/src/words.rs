//! Numbers as a person says them.

use std::time::Duration;

/// Keeps a number with its unit.
const NO_BREAK: char = '\u{a0}';

/// A span, no more exact than anybody wants to know. There is a no-break space before the unit.
pub(crate) fn in_words(span: Duration) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 60.0 * MINUTE;

    let seconds = span.as_secs_f64();
    if seconds < 9.95 {
        let tenths = format!("{seconds:.1}");
        format!("{}{NO_BREAK}s", tenths.trim_end_matches(".0"))
    } else if seconds < 2.0 * MINUTE {
        format!("{seconds:.0}{NO_BREAK}s")
    } else if seconds < 2.0 * HOUR {
        format!("{:.0}{NO_BREAK}min", seconds / MINUTE)
    } else {
        format!("{:.0}{NO_BREAK}h", seconds / HOUR)
    }
}

/// Text whose lines are broken already.
pub(crate) fn as_printed(text: &str) -> String {
    text.replace(NO_BREAK, " ")
}

/// So many of something.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_as_people_say_it() {
        let said = [
            (0.0, "0 s"),
            (0.84, "0.8 s"),
            (4.98, "5 s"),
            (9.96, "10 s"),
            (30.0, "30 s"),
            (119.4, "119 s"),
            (300.0, "5 min"),
            (7_199.0, "120 min"),
            (86_398.0, "24 h"),
        ];
        for (seconds, words) in said {
            let said = in_words(Duration::from_secs_f64(seconds)).replace(NO_BREAK, " ");
            assert_eq!(said, words);
        }
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1, "URI"), "1 URI");
        assert_eq!(counted(0, "URI"), "0 URIs");
    }
}
