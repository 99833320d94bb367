//! Numbers as people write them.

use std::time::Duration;

/// A span in whole seconds, minutes or hours, whichever suits it.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds < 3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// A whole number with its thousands apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "one, two and three".
pub fn list(items: &[String]) -> String {
    match items {
        [rest @ .., before, last] => [rest, &[format!("{before} and {last}")]].concat().join(", "),
        one_or_none => one_or_none.concat(),
    }
}

/// Seconds: to a tenth below 100, and else to a whole one.
pub fn seconds(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    if seconds.round() < 100.0 {
        format!("{seconds:.1}")
    } else {
        thousands(seconds.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_last_two_of_a_list_are_joined_by_a_word() {
        let items = ["1 s", "2 s", "3 s"].map(str::to_owned);
        assert_eq!(
            [0, 1, 2, 3].map(|count| list(&items[..count])),
            ["", "1 s", "1 s and 2 s", "1 s, 2 s and 3 s"]
        );
    }

    #[test]
    fn a_span_is_in_the_unit_that_suits_it() {
        assert_eq!(
            [59, 60, 3_599, 86_400].map(Duration::from_secs).map(span),
            ["59 s", "1 min", "59 min", "24 h"]
        );
    }

    #[test]
    fn seconds_are_no_more_exact_than_anybody_wants_to_know() {
        assert_eq!(
            [0.0, 9.84, 99.4, 99.96, 82_103.2].map(Duration::from_secs_f64).map(seconds),
            ["0.0", "9.8", "99.4", "100", "82,103"]
        );
    }
}
