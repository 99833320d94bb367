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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unavailable::{Unavailable, UnavailableReason};

    struct Fixture {
        now: Timestamp,
        delivery: Delivery,
        last: LastUpdate,
    }

    impl Fixture {
        fn new(sends_empty: bool) -> Self {
            let delivery = Delivery::new(sends_empty);
            Self { now: Timestamp::now(), delivery, last: LastUpdate::Nothing }
        }

        /// The next update, if one is due.
        fn poll(&mut self, newest: &TurnState) -> Option<String> {
            let update = self.delivery.due(Some(newest), &self.last)?;
            self.delivery.send(self.now, "w", update, &mut self.last)
        }

        fn acknowledge(&mut self, number: u64) {
            self.delivery.acknowledged(Some(&format!("{API_VERSION}.{number}")));
        }

        fn let_it_time_out(&mut self) {
            self.now.monotonic += Duration::from_secs(10);
            assert!(self.delivery.handle_timeout(self.now));
            self.last.timed_out();
        }
    }

    fn available(username: &str) -> TurnState {
        TurnState::Available(TurnServer::new(vec!["turn:a".to_owned()], username, "p"))
    }

    fn unavailable() -> TurnState {
        TurnState::Unavailable(Unavailable::new(UnavailableReason::Expired))
    }

    #[test]
    fn w11_one_update_is_in_flight_and_the_newest_is_next() {
        let mut it = Fixture::new(false);
        assert!(it.poll(&available("first")).unwrap().contains("first"));
        assert_eq!(it.poll(&available("second")), None);
        it.acknowledge(1);
        assert!(it.poll(&available("third")).unwrap().contains("third"));
    }

    #[test]
    fn w11_what_was_acknowledged_is_not_sent_again() {
        let mut it = Fixture::new(false);
        it.poll(&available("first"));
        it.acknowledge(1);
        assert_eq!(it.poll(&available("first")), None);
        assert_eq!(it.delivery.poll_timeout(), None);
    }

    #[test]
    fn w11_an_acknowledgement_of_another_update_is_none() {
        let mut it = Fixture::new(false);
        it.poll(&available("first"));
        for request_id in [None, Some(""), Some("town.robin.msc3846.2")] {
            it.delivery.acknowledged(request_id);
            assert!(it.delivery.in_flight.is_some());
        }
    }

    #[test]
    fn w11_an_update_without_acknowledgement_is_sent_again_once() {
        let mut it = Fixture::new(false);
        it.poll(&available("first"));
        assert!(!it.delivery.handle_timeout(it.now), "not before the 10 s are over");
        it.let_it_time_out();
        assert!(it.poll(&available("first")).unwrap().contains("first"));
        it.let_it_time_out();
        assert_eq!(it.poll(&available("first")), None, "never a third time");
        assert!(it.poll(&available("second")).unwrap().contains("second"));
    }

    #[test]
    fn w11_an_update_without_acknowledgement_gives_way_to_a_newer_one() {
        let mut it = Fixture::new(false);
        it.poll(&available("first"));
        it.let_it_time_out();
        assert!(it.poll(&available("second")).unwrap().contains("second"));
        it.let_it_time_out();
        assert!(it.poll(&available("second")).unwrap().contains("second"), "it is sent twice too");
    }

    #[test]
    fn w11_an_update_without_acknowledgement_is_not_sent_again_once_it_is_withdrawn() {
        let mut it = Fixture::new(false);
        it.poll(&available("first"));
        it.let_it_time_out();
        assert_eq!(it.poll(&unavailable()), None);
    }

    #[test]
    fn w13_an_empty_list_is_sent_to_who_opted_in() {
        assert_eq!(Fixture::new(false).poll(&unavailable()), None);
        assert!(Fixture::new(true).poll(&unavailable()).unwrap().contains("\"uris\":[]"));
    }

    #[test]
    fn w13_credentials_that_come_back_while_nothing_else_was_sent_are_no_news() {
        let mut it = Fixture::new(false);
        it.poll(&available("first"));
        it.acknowledge(1);
        assert_eq!(it.poll(&unavailable()), None);
        assert_eq!(it.poll(&available("first")), None);
    }
}
