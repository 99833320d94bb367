//! The line at the bottom of a terminal: how much is left of the credentials, and when they are
//! refreshed.

use std::{fmt, time::Duration};

use indicatif::{ProgressState, ProgressStyle};
use matrix_sdk_turn::{Timestamp, TurnServer, TurnService};

use crate::words::in_words;

const BAR_CELLS: usize = 20;

/// Nothing to count down to.
pub(crate) fn none() -> ProgressStyle {
    style("")
}

/// To the next refresh of these credentials, and to their end.
pub(crate) fn to_the_end_of(turn: TurnService, server: TurnServer) -> ProgressStyle {
    let whole = server.valid_for(Timestamp::now());
    style("           {life}").with_key(
        "life",
        move |_: &ProgressState, line: &mut dyn fmt::Write| {
            let left = server.valid_for(Timestamp::now());
            let _ = match (left, whole) {
                (Some(left), Some(_)) if left.is_zero() => write!(line, "credentials expired"),
                (Some(left), Some(whole)) => {
                    write!(line, "{} valid for another {}", bar(left, whole), in_words(left))
                }
                _ => write!(line, "valid for nobody knows how long"),
            };
            let _ = match turn.next_request_in() {
                Some(next) => write!(line, ", next request in {}", in_words(next)),
                None => write!(line, ", asking the homeserver"),
            };
        },
    )
}

fn bar(left: Duration, whole: Duration) -> String {
    let share = left.as_secs_f64() / whole.as_secs_f64().max(f64::EPSILON);
    let filled = (share * BAR_CELLS as f64).round().clamp(0.0, BAR_CELLS as f64) as usize;
    format!("{}{}", "█".repeat(filled), "░".repeat(BAR_CELLS - filled))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_runs_down() {
        let whole = Duration::from_secs(30);
        for (left, filled) in [(30, 20), (15, 10), (1, 1), (0, 0), (60, 20)] {
            let bar = bar(Duration::from_secs(left), whole);
            assert_eq!(bar.matches('█').count(), filled, "{left}");
            assert_eq!(bar.chars().count(), BAR_CELLS);
        }
    }
}
