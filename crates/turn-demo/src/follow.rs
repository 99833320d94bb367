//! Tells what becomes of the credentials: what the homeserver answers, when it is asked again, and when
//! credentials expire and are there again.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use matrix_sdk_turn::{TurnService, TurnState, TurnStates, Unavailable, UnavailableReason};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

use crate::{
    observed::Answered,
    report::{Report, Speaker},
    words::in_words,
};

/// How long the service may take to make up its mind about an answer.
const DECISION_PATIENCE: Duration = Duration::from_millis(100);

/// Follows a service.
pub(crate) struct Follower {
    turn: TurnService,
    report: Report,
    /// Since when there are no credentials, after there were some.
    expired: Option<Instant>,
    had_credentials: bool,
    repeats: Repeats,
}

/// Failures that say the same as the one before are counted rather than printed.
#[derive(Default)]
struct Repeats {
    last: Option<String>,
    more: u32,
}

impl Follower {
    pub(crate) fn new(turn: &TurnService, report: &Report) -> Self {
        let (turn, report) = (turn.clone(), report.clone());
        Self { turn, report, expired: None, had_credentials: false, repeats: Repeats::default() }
    }

    /// Tells of everything until `end`, and of what came before it.
    pub(crate) async fn run(mut self, mut answers: UnboundedReceiver<Answered>, end: impl Future) {
        let mut end = pin!(end);
        // Whoever subscribes makes the service ask; that is for the widget to do.
        let mut states = None;
        loop {
            tokio::select! {
                biased;
                Some(answered) = answers.recv() => {
                    self.on_answer(answered).await;
                    states.get_or_insert_with(|| self.turn.subscribe());
                }
                Some(state) = next(&mut states) => self.on_state(&state),
                _ = &mut end => break,
            }
        }
        self.tell_repeats();
    }

    async fn on_answer(&mut self, Answered { number, took, failure }: Answered) {
        let took = took.as_secs_f64() * 1000.0;
        let Some(why) = failure else {
            self.tell_repeats();
            let what = format!("answer {number} after {took:.0} ms: credentials");
            self.report.good(Speaker::Homeserver, what);
            return;
        };
        let outcome = in_short(&why);
        if self.repeats.is_one(&outcome) {
            return;
        }
        self.tell_repeats();
        let again = match self.asked_again(&why).await {
            Some(next) => format!(", asking again in {}", in_words(next)),
            None => String::new(),
        };
        self.report.bad(
            Speaker::Homeserver,
            format_args!("answer {number} after {took:.0} ms: {outcome}{again}"),
        );
        self.repeats.last = Some(outcome);
    }

    fn on_state(&mut self, state: &TurnState) {
        match (state.available(), self.expired.take()) {
            (Some(_), Some(since)) => {
                let lack = in_words(since.elapsed());
                self.report.good(Speaker::Client, format_args!("fresh again after {lack}"));
            }
            (None, None) if self.had_credentials => {
                self.tell_repeats();
                self.report.bad(Speaker::Client, "the credentials expired, and are withdrawn");
                self.expired = Some(Instant::now());
            }
            (_, since) => self.expired = since,
        }
        self.had_credentials |= state.available().is_some();
    }

    /// When the service asks again, once it has heard of the failure.
    async fn asked_again(&self, why: &Unavailable) -> Option<Duration> {
        let told = Instant::now();
        while self.turn.last_failure().as_ref() != Some(why) && told.elapsed() < DECISION_PATIENCE {
            sleep(Duration::from_millis(1)).await;
        }
        self.turn.next_request_in()
    }

    fn tell_repeats(&mut self) {
        let Repeats { last: Some(_), more } = std::mem::take(&mut self.repeats) else { return };
        if more > 0 {
            let times = if more == 1 { "once".to_owned() } else { format!("{more} times") };
            self.report.bad(Speaker::Homeserver, format_args!("the same {times} more"));
        }
    }
}

impl Repeats {
    /// Counts it if it says the same as the last one.
    fn is_one(&mut self, outcome: &str) -> bool {
        let is_same = self.last.as_deref() == Some(outcome);
        self.more += u32::from(is_same);
        is_same
    }
}

async fn next(states: &mut Option<TurnStates>) -> Option<TurnState> {
    match states {
        Some(states) => states.next().await,
        None => None,
    }
}

/// A failure in a few words. What to do about it is said when the program fails for it.
fn in_short(why: &Unavailable) -> String {
    if why.reason() == UnavailableReason::RateLimited
        && let Some(after) = why.retry_after()
    {
        return format!("429, no requests for {}", in_words(after));
    }
    match why.matrix_error() {
        Some(error) => format!("{} {}", error.status, error.errcode),
        None if why.reason() == UnavailableReason::NotConfigured => "no TURN servers".to_owned(),
        None => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use matrix_sdk_turn::MatrixError;

    use super::*;

    #[test]
    fn a_failure_is_told_in_a_few_words() {
        let limited = Unavailable::new(UnavailableReason::RateLimited)
            .with_retry_after(Some(Duration::from_secs(3)));
        assert_eq!(in_short(&limited), "429, no requests for 3\u{a0}s");
        let down = Unavailable::new(UnavailableReason::Unreachable)
            .with_matrix_error(MatrixError::new(503, "M_UNKNOWN", "Service Unavailable"));
        assert_eq!(in_short(&down), "503 M_UNKNOWN");
        assert_eq!(in_short(&UnavailableReason::NotConfigured.into()), "no TURN servers");
    }

    #[test]
    fn only_what_says_the_same_is_a_repeat() {
        let mut repeats = Repeats { last: Some("503".to_owned()), more: 0 };
        assert!(repeats.is_one("503"));
        assert!(!repeats.is_one("429"));
        assert_eq!(repeats.more, 1);
    }
}
