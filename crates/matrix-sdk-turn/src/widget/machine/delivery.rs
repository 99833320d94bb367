//! Which update a widget that watches is sent, when, and how often.

use std::time::{Duration, Instant};

use tracing::debug;

use super::super::{capability::API_VERSION, message::update_request};
use crate::{clock::Timestamp, credentials::TurnServer, state::TurnState};

/// As long as the SDK waits for a response of the widget's.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a widget is told: credentials, or that there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(super) enum Update {
    Credentials(TurnServer),
    /// An empty list of URIs.
    Empty,
}

impl Update {
    fn server(&self) -> Option<&TurnServer> {
        match self {
            Self::Credentials(server) => Some(server),
            Self::Empty => None,
        }
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.server().is_some_and(|server| server.is_expired(now))
    }
}

/// What the widget was sent last since it watches.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) enum LastUpdate {
    Nothing,
    SentOnce(Update),
    /// Sent once, and not acknowledged in time.
    Overdue(Update),
    SentTwice(Update),
}

impl LastUpdate {
    /// Whether `update`, the newest, is to be sent.
    fn calls_for(&self, update: &Update) -> bool {
        match self {
            Self::Nothing | Self::Overdue(_) => true,
            Self::SentOnce(last) | Self::SentTwice(last) => last != update,
        }
    }

    fn sent(&mut self, update: Update) {
        *self = match self {
            Self::Overdue(last) if *last == update => Self::SentTwice(update),
            _ => Self::SentOnce(update),
        };
    }

    /// The widget did not acknowledge it in time.
    pub(super) fn timed_out(&mut self) {
        if let Self::SentOnce(update) = self {
            *self = Self::Overdue(update.clone());
        }
    }
}

#[cfg_attr(test, derive(Clone, Hash))]
struct InFlight {
    request_id: String,
    until: Instant,
}

/// Sends one update at a time: the next one goes out when the widget has acknowledged the last, or
/// has failed to.
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) struct Delivery {
    sends_empty: bool,
    in_flight: Option<InFlight>,
    /// How many were sent: their ids are counted.
    sent: u64,
}

impl Delivery {
    /// `sends_empty`: whether a widget is told, by an empty list, that there are no credentials.
    pub(super) fn new(sends_empty: bool) -> Self {
        Self { sends_empty, in_flight: None, sent: 0 }
    }

    /// The update that is to be sent now, if any, and if it has not expired. What it is made from is
    /// looked at only now, since a client may be slow to receive, and credentials may have changed
    /// meanwhile.
    pub(super) fn due(&self, newest: Option<&TurnState>, last: &LastUpdate) -> Option<Update> {
        if self.in_flight.is_some() {
            return None;
        }
        let update = match newest?.available() {
            Some(server) => Update::Credentials(server.clone()),
            None if self.sends_empty => Update::Empty,
            None => return None,
        };
        last.calls_for(&update).then_some(update)
    }

    /// The request that carries `update`. Counts as sent.
    pub(super) fn send(
        &mut self,
        now: Timestamp,
        widget_id: &str,
        update: Update,
        last: &mut LastUpdate,
    ) -> Option<String> {
        self.sent += 1;
        let request_id = format!("{API_VERSION}.{}", self.sent);
        let request = update_request(widget_id, &request_id, update.server());
        self.in_flight = Some(InFlight { request_id, until: now.monotonic + UPDATE_TIMEOUT });
        last.sent(update);
        request
    }

    pub(super) fn acknowledged(&mut self, request_id: Option<&str>) {
        if self.in_flight.as_ref().is_some_and(|update| request_id == Some(&update.request_id)) {
            self.in_flight = None;
        }
    }

    /// Whoever was to acknowledge the update in flight is gone.
    pub(super) fn start_over(&mut self) {
        self.in_flight = None;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.in_flight.as_ref().map(|update| update.until)
    }

    /// Returns whether the widget has failed to acknowledge the update in flight.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) -> bool {
        let is_over = self.poll_timeout().is_some_and(|until| now.monotonic >= until);
        if is_over {
            debug!("the widget did not acknowledge a TURN update");
            self.in_flight = None;
        }
        is_over
    }
}

/// Delivery as it is once time has passed, and as if all updates before the last had not been sent.
#[cfg(test)]
mod explored {
    use super::{API_VERSION, Delivery, LastUpdate, Update};
    use crate::clock::aging::{Passed, now};

    impl Delivery {
        pub(in super::super) fn age(&mut self, by: Passed) {
            self.sent = self.sent.min(1);
            if let Some(update) = &mut self.in_flight {
                update.request_id = format!("{API_VERSION}.1");
                update.until = (update.until - by.monotonic).max(now().monotonic);
            }
        }
    }

    impl LastUpdate {
        /// It is compared by what is in it, not by its expiry.
        pub(in super::super) fn forget_expiry(&mut self) {
            match self {
                Self::SentOnce(Update::Credentials(server))
                | Self::Overdue(Update::Credentials(server))
                | Self::SentTwice(Update::Credentials(server)) => *server = server.expiring(None),
                _ => {}
            }
        }
    }
}
