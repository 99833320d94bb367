//! Whether the widget watches, and the answers to its requests to do so.

use std::time::{Duration, Instant};

use super::{
    super::message::{error_response, success_response, unavailable_response},
    delivery::LastUpdate,
    responses::Responses,
};
use crate::{clock::Timestamp, unavailable::Unavailable};

/// The widget's request times out after 10 s.
const WATCH_TIMEOUT: Duration = Duration::from_secs(8);

/// How long the driver stays subscribed for a widget that was granted TURN and does not watch. Widgets
/// watch 0.1 s to 2 s after the grant.
const GRANT_TIMEOUT: Duration = Duration::from_secs(10);

/// As many as the SDK leaves unanswered.
const MAX_PENDING: usize = 15;

#[cfg_attr(test, derive(Clone, Hash))]
pub(super) enum Watch {
    No,
    /// TURN was granted, so the widget is about to watch. The driver is subscribed already, so that
    /// the first update comes sooner.
    Expected {
        until: Instant,
    },
    /// Requested, and the first outcome is not known yet.
    Pending {
        requests: Vec<String>,
        until: Instant,
    },
    Yes {
        last_update: LastUpdate,
    },
}

impl Watch {
    /// TURN was granted.
    pub(super) fn expect(&mut self, now: Timestamp) {
        if let Self::No | Self::Expected { .. } = self {
            *self = Self::Expected { until: now.monotonic + GRANT_TIMEOUT };
        }
    }

    /// The widget asks to watch.
    pub(super) fn request(&mut self, now: Timestamp, request: &str, responses: &mut Responses) {
        match self {
            Self::No | Self::Expected { .. } => {
                let until = now.monotonic + WATCH_TIMEOUT;
                *self = Self::Pending { requests: vec![request.to_owned()], until };
            }
            Self::Pending { requests, .. } if requests.len() < MAX_PENDING => {
                requests.push(request.to_owned());
            }
            Self::Pending { .. } => responses.extend(error_response(
                request,
                "Too many TURN servers requests are not answered yet",
            )),
            Self::Yes { .. } => responses.extend(success_response(request)),
        }
    }

    /// There are credentials, or there may soon be: a pending widget watches from now on.
    pub(super) fn start(&mut self, responses: &mut Responses) {
        if let Self::Pending { requests, .. } = self {
            responses.extend(requests.iter().filter_map(|request| success_response(request)));
            *self = Self::Yes { last_update: LastUpdate::Nothing };
        }
    }

    /// There are no credentials, and waiting does not help: a pending widget does not watch.
    pub(super) fn fail(&mut self, why: &Unavailable, responses: &mut Responses) {
        if let Self::Pending { requests, .. } = self {
            let failures = requests.iter().filter_map(|request| unavailable_response(request, why));
            responses.extend(failures);
            *self = Self::No;
        }
    }

    /// The widget does not watch any more, whether it asked for that or lost the capability.
    pub(super) fn stop(&mut self, responses: &mut Responses) {
        self.start(responses);
        *self = Self::No;
    }

    /// The widget is given its credentials once more: a new page knows nothing of the last update.
    pub(super) fn start_over(&mut self) {
        if let Self::Yes { last_update } = self {
            *last_update = LastUpdate::Nothing;
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Expected { until } | Self::Pending { until, .. } => Some(*until),
            Self::No | Self::Yes { .. } => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp, responses: &mut Responses) {
        if self.poll_timeout().is_none_or(|until| now.monotonic < until) {
            return;
        }
        match self {
            Self::Expected { .. } => *self = Self::No,
            _ => self.start(responses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unavailable::UnavailableReason;

    const REQUEST: &str = r#"{"requestId":"1"}"#;

    struct Fixture {
        now: Timestamp,
        watch: Watch,
        responses: Responses,
    }

    impl Fixture {
        fn new() -> Self {
            Self { now: Timestamp::now(), watch: Watch::No, responses: Responses::default() }
        }

        fn request(&mut self) {
            self.watch.request(self.now, REQUEST, &mut self.responses);
        }

        fn responses(&mut self) -> Vec<String> {
            std::iter::from_fn(|| self.responses.pop()).collect()
        }
    }

    #[test]
    fn w07_after_8_seconds_without_an_outcome_the_answer_is_yes() {
        let mut it = Fixture::new();
        it.request();
        let until = it.watch.poll_timeout().unwrap();
        assert_eq!(until, it.now.monotonic + Duration::from_secs(8));

        it.watch.handle_timeout(it.now, &mut it.responses);
        assert!(it.responses.is_empty());
        let later = Timestamp { monotonic: until, ..it.now };
        it.watch.handle_timeout(later, &mut it.responses);
        assert!(matches!(it.watch, Watch::Yes { .. }));
        assert_eq!(it.responses().len(), 1);
        assert_eq!(it.watch.poll_timeout(), None);
    }

    #[test]
    fn w21_the_expectation_ends_after_10_seconds() {
        let mut it = Fixture::new();
        it.watch.expect(it.now);
        let until = it.now.monotonic + Duration::from_secs(10);
        assert_eq!(it.watch.poll_timeout(), Some(until));

        let just_before = Timestamp { monotonic: until - Duration::from_millis(1), ..it.now };
        it.watch.handle_timeout(just_before, &mut it.responses);
        assert!(matches!(it.watch, Watch::Expected { .. }));
        it.watch.handle_timeout(Timestamp { monotonic: until, ..it.now }, &mut it.responses);
        assert!(matches!(it.watch, Watch::No));
        assert!(it.responses.is_empty());
    }

    #[test]
    fn w21_a_grant_changes_nothing_for_a_widget_that_watches() {
        let mut it = Fixture::new();
        it.request();
        it.watch.expect(it.now);
        assert!(matches!(it.watch, Watch::Pending { .. }));
        it.watch.start(&mut it.responses);
        it.watch.expect(it.now);
        assert!(matches!(it.watch, Watch::Yes { .. }));
    }

    #[test]
    fn w07_a_failure_answers_whoever_is_pending_and_nobody_else() {
        let why = Unavailable::new(UnavailableReason::NotConfigured);
        let mut it = Fixture::new();
        it.request();
        it.watch.fail(&why, &mut it.responses);
        assert!(matches!(it.watch, Watch::No));
        assert!(it.responses()[0].contains("error"));

        it.request();
        it.watch.start(&mut it.responses);
        it.responses();
        it.watch.fail(&why, &mut it.responses);
        assert!(matches!(it.watch, Watch::Yes { .. }));
        assert!(it.responses.is_empty());
    }

    #[test]
    fn w09_requests_that_are_pending_are_answered_together() {
        let mut it = Fixture::new();
        it.request();
        it.request();
        assert!(it.responses.is_empty());
        it.watch.start(&mut it.responses);
        assert_eq!(it.responses().len(), 2);
    }

    #[test]
    fn w10_a_request_that_is_pending_is_answered_when_the_watch_stops() {
        let mut it = Fixture::new();
        it.request();
        it.watch.stop(&mut it.responses);
        assert!(matches!(it.watch, Watch::No));
        assert_eq!(it.responses(), [r#"{"requestId":"1","response":{}}"#]);
    }

    #[test]
    fn w19_no_more_than_15_requests_are_pending() {
        let mut it = Fixture::new();
        for _ in 0..15 {
            it.request();
        }
        assert!(it.responses.is_empty());
        it.request();
        assert!(it.responses()[0].contains("Too many"));
    }
}
