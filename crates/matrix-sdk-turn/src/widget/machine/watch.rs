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
