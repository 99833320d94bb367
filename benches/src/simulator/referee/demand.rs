//! S9 and S10: what the app may ask for, and how soon it gets it.

use std::time::Instant;

use matrix_sdk_turn::Timestamp;

use super::{
    super::homeserver::ReplyKind,
    facts::{Answer, Facts},
    numbers::{AFTER_FAILURE, AFTER_SUCCESS, BETWEEN_REJECTIONS, ROUNDING, after, passed},
};

/// What the app asked for since the newest request.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// It called `refresh()`, and that counts.
    refresh: bool,
    rejection: Rejection,
    /// When a request was last sent because of a rejection.
    last_rejection: Option<Timestamp>,
}

/// What came of `report_rejected()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rejection {
    /// It was not called.
    #[default]
    None,
    /// A request is due now.
    Pending,
    /// It came too soon after the last one: a request is due, but not yet.
    Postponed,
}

impl Demand {
    /// `refresh()` was called. Returns whether it counts.
    pub(super) fn refresh(&mut self, facts: &Facts, now: Timestamp) -> bool {
        let counts = !facts.is_in_flight()
            && match facts.answer {
                Some(Answer { kind: ReplyKind::Credentials, received }) => {
                    self.is_rejection_pending() || passed(received, now) >= AFTER_SUCCESS
                }
                Some(Answer { kind: ReplyKind::RateLimited(_) | ReplyKind::LoggedOut, .. }) => {
                    false
                }
                _ => true,
            };
        self.refresh |= counts;
        counts
    }

    /// The current credentials were rejected. Returns by when the next request must have been sent,
    /// if `due_by` was the limit before.
    pub(super) fn reject(
        &mut self,
        facts: &Facts,
        now: Timestamp,
        due_by: Option<Instant>,
    ) -> Option<Instant> {
        if self.rejection != Rejection::None || facts.is_in_flight() {
            return due_by;
        }
        let recent = self.last_rejection.filter(|last| passed(*last, now) < BETWEEN_REJECTIONS);
        let rejection_due_by = if let Some(last) = recent {
            self.rejection = Rejection::Postponed;
            let postponed = after(last.monotonic, BETWEEN_REJECTIONS);
            due_by.map_or(postponed, |due_by| due_by.min(postponed))
        } else {
            self.rejection = Rejection::Pending;
            soon(facts, now)
        };
        match facts.last_kind() {
            Some(ReplyKind::RateLimited(_)) => due_by,
            _ => Some(rejection_due_by),
        }
    }

    /// A request was sent, and with it everything that was asked for.
    pub(super) fn satisfy(&mut self, now: Timestamp) {
        if self.rejection != Rejection::None {
            self.last_rejection = Some(now);
        }
        self.refresh = false;
        self.rejection = Rejection::None;
    }

    /// Whether the app asked for anything.
    pub(super) fn is_any(&self) -> bool {
        self.refresh || self.rejection != Rejection::None
    }

    /// Whether it may be asked at once, even right after a success.
    pub(super) fn is_rejection_pending(&self) -> bool {
        self.rejection == Rejection::Pending
    }

    /// Whether a request may be sent before a refresh is due.
    pub(super) fn allows_early_refresh(&self, now: Timestamp) -> bool {
        let is_over = |last| passed(last, now) >= BETWEEN_REJECTIONS;
        match self.rejection {
            Rejection::Pending => true,
            Rejection::Postponed => self.refresh || self.last_rejection.is_some_and(is_over),
            Rejection::None => self.refresh,
        }
    }

    /// Whether a request may be sent that nothing but the app brings about.
    pub(super) fn allows_request_after_failure(&self, facts: &Facts, now: Timestamp) -> bool {
        let is_spaced = |sent| passed(sent, now) + ROUNDING >= AFTER_FAILURE;
        self.allows_early_refresh(now)
            && facts.request.is_none_or(|request| is_spaced(request.sent))
    }
}

/// By when whoever asks gets a request: at once, or one second after the one that failed.
pub(super) fn soon(facts: &Facts, now: Timestamp) -> Instant {
    match facts.request {
        Some(request) if facts.last_failure().is_some() => {
            now.monotonic.max(after(request.sent.monotonic, AFTER_FAILURE))
        }
        _ => now.monotonic,
    }
}
