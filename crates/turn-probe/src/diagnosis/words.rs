//! Spans of time, as people say them.

use std::time::Duration;

/// `58 minutes`, `1 hour 2 minutes`, `3 days`: two units at most, the smaller one only where it matters.
pub(super) fn in_words(span: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = span.as_secs();
    match seconds {
        0..MINUTE => units(seconds, "second"),
        MINUTE..HOUR => units(seconds / MINUTE, "minute"),
        HOUR..DAY => match (seconds % HOUR) / MINUTE {
            0 => units(seconds / HOUR, "hour"),
            minutes => format!("{} {}", units(seconds / HOUR, "hour"), units(minutes, "minute")),
        },
        _ => units(seconds / DAY, "day"),
    }
}

fn units(number: u64, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_as_people_say_them() {
        let said = [0, 1, 59, 60, 3599, 3600, 3660, 7322, 86_400, 1_000_000]
            .map(|seconds| in_words(Duration::from_secs(seconds)));
        assert_eq!(
            said,
            [
                "0 seconds",
                "1 second",
                "59 seconds",
                "1 minute",
                "59 minutes",
                "1 hour",
                "1 hour 1 minute",
                "2 hours 2 minutes",
                "1 day",
                "11 days",
            ]
        );
    }
}
