//! What a widget is to be told by the rules W1 to W19, written down once more: with real messages, where
//! the model beside the machine has events.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use matrix_sdk_turn::{Timestamp, TurnServer, TurnState};
use serde_json::{Value, json};

use super::{
    message::{FromWidget, Message, TURN_SERVERS},
    negotiation::Negotiation,
};

const MAX_QUEUED: usize = 64;
const MAX_PENDING: usize = 15;

/// Everything that is known of a widget.
pub(super) struct Model {
    sends_empty: bool,
    pub(super) negotiation: Negotiation,
    /// As decided last, also while it is negotiated again.
    is_granted: bool,
    has_new_page: bool,
    newest: Option<TurnState>,
    watch: Watch,
    responses: VecDeque<Response>,
    in_flight: Option<(String, Instant)>,
}

enum Watch {
    No,
    /// W21: TURN was granted.
    Expected(Instant),
    Pending(Vec<String>, Instant),
    Yes(Option<Told>),
}

/// What the widget was told last; `None` for an empty list.
struct Told {
    server: Option<TurnServer>,
    times: u8,
    is_overdue: bool,
}

/// A response that the client is to receive.
struct Response {
    request: String,
    /// `None` for nothing.
    error: Option<&'static str>,
}

impl Model {
    pub(super) fn new(sends_empty: bool) -> Self {
        Self {
            sends_empty,
            negotiation: Negotiation::NotYet,
            is_granted: false,
            has_new_page: false,
            newest: None,
            watch: Watch::No,
            responses: VecDeque::new(),
            in_flight: None,
        }
    }

    /// W9, W10, W14, W16. Returns whether the message is ours alone.
    pub(super) fn on_message_from_widget(&mut self, now: Timestamp, text: &str) -> bool {
        let Some(message) = Message::read(text) else { return false };
        match message.if_from_widget() {
            FromWidget::Watch => self.on_request(text, |model| model.watch(now, text)),
            FromWidget::Unwatch => self.on_request(text, |model| {
                model.stop();
                model.respond(text, None);
            }),
            FromWidget::Acknowledgement => {
                if self
                    .in_flight
                    .as_ref()
                    .is_some_and(|(id, _)| message.request_id.as_ref() == Some(id))
                {
                    self.in_flight = None;
                }
            }
            FromWidget::Loaded => {
                self.has_new_page = true;
                return false;
            }
            FromWidget::Capabilities => {
                self.negotiation.answered(&message);
                return false;
            }
            FromWidget::NotOurs => return false,
        }
        true
    }

    /// W6 and W19.
    fn on_request(&mut self, request: &str, serve: impl FnOnce(&mut Self)) {
        match self.negotiation.refusal() {
            _ if self.responses.len() >= MAX_QUEUED => {}
            Some(refusal) => self.respond(request, Some(refusal)),
            None => serve(self),
        }
    }

    fn respond(&mut self, request: &str, error: Option<&'static str>) {
        self.responses.push_back(Response { request: request.to_owned(), error });
    }

    fn watch(&mut self, now: Timestamp, request: &str) {
        if std::mem::take(&mut self.has_new_page) {
            self.in_flight = None;
            if let Watch::Yes(told) = &mut self.watch {
                *told = None;
            }
        }
        match &mut self.watch {
            Watch::No | Watch::Expected(_) => {
                let until = now.monotonic + Duration::from_secs(8);
                self.watch = Watch::Pending(vec![request.to_owned()], until);
            }
            Watch::Pending(requests, _) if requests.len() < MAX_PENDING => {
                requests.push(request.to_owned());
            }
            Watch::Pending(..) => self.respond(request, Some("Too many TURN servers requests")),
            Watch::Yes(_) => self.respond(request, None),
        }
        self.settle(now);
    }

    /// W7: whoever is pending is answered with the first outcome.
    fn settle(&mut self, now: Timestamp) {
        match &self.newest {
            None => {}
            Some(TurnState::Available(server)) if server.is_expired(now) => {}
            Some(TurnState::Unavailable(why)) if !why.reason().is_transient() => {
                self.answer_pending(Some("the homeserver offers no TURN server"), Watch::No);
            }
            Some(_) => self.answer_pending(None, Watch::Yes(None)),
        }
    }

    fn answer_pending(&mut self, error: Option<&'static str>, then: Watch) {
        if let Watch::Pending(requests, _) = &mut self.watch {
            for request in std::mem::take(requests) {
                self.respond(&request, error);
            }
            self.watch = then;
        }
    }

    fn stop(&mut self) {
        self.answer_pending(None, Watch::No);
        self.watch = Watch::No;
    }

    /// W4, W15 and W21.
    pub(super) fn on_decision(&mut self, now: Timestamp, granted: bool) {
        let Some(is_granted) = self.negotiation.decide(granted) else { return };
        self.is_granted = is_granted;
        if !is_granted {
            self.stop();
        } else if let Watch::No | Watch::Expected(_) = self.watch {
            self.watch = Watch::Expected(now.monotonic + Duration::from_secs(10));
        }
    }

    pub(super) fn wants_credentials(&self) -> bool {
        !matches!(self.watch, Watch::No)
    }

    pub(super) fn on_turn_state(&mut self, now: Timestamp, state: TurnState) {
        self.newest = Some(state);
        self.settle(now);
    }

    pub(super) fn on_unsubscribed(&mut self) {
        self.newest = None;
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if matches!(&self.watch, Watch::Pending(_, until) if now.monotonic >= *until) {
            self.answer_pending(None, Watch::Yes(None));
        }
        if matches!(self.watch, Watch::Expected(until) if now.monotonic >= until) {
            self.watch = Watch::No;
        }
        if self.in_flight.as_ref().is_some_and(|(_, until)| now.monotonic >= *until) {
            self.in_flight = None;
            if let Watch::Yes(Some(told)) = &mut self.watch {
                told.is_overdue = told.times == 1;
            }
        }
    }

    /// The id of the update in flight.
    pub(super) fn in_flight(&self) -> Option<&str> {
        self.in_flight.as_ref().map(|(id, _)| &**id)
    }

    /// Fails if the client is to receive something else now. W8: responses come first.
    pub(super) fn expect(&mut self, now: Timestamp, received: Option<&str>) {
        match (self.responses.pop_front(), self.due_update(now), received) {
            (Some(response), _, Some(received)) => response.expect(received),
            (None, Some(update), Some(received)) => self.expect_update(now, update, received),
            (None, None, None) => {}
            (response, update, received) => panic!(
                "received {received:?} instead of {:?} or {update:?}",
                response.map(|response| response.request)
            ),
        }
    }

    /// W11 and W13: the credentials to be sent, or nothing in an empty list.
    fn due_update(&self, now: Timestamp) -> Option<Option<TurnServer>> {
        let Watch::Yes(told) = &self.watch else { return None };
        let server = match self.newest.as_ref()? {
            TurnState::Available(server) => Some(server.clone()),
            _ if self.sends_empty => None,
            _ => return None,
        };
        let is_news = told.as_ref().is_none_or(|told| told.is_overdue || told.server != server);
        let is_valid = !server.as_ref().is_some_and(|server| server.is_expired(now));
        (self.in_flight.is_none() && is_news && is_valid).then_some(server)
    }

    /// Whether what was known last has expired, so that the service is to say what there is now.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.newest
            .as_ref()
            .and_then(TurnState::available)
            .is_some_and(|server| server.is_expired(now))
    }

    /// W12.
    fn expect_update(&mut self, now: Timestamp, server: Option<TurnServer>, received: &str) {
        assert!(self.is_granted, "an update without a grant");
        let received: Value = serde_json::from_str(received).expect("an update is JSON");
        let id = received["requestId"].as_str().expect("an update has an id").to_owned();
        let text = |text: fn(&TurnServer) -> &str| server.as_ref().map_or("", text).to_owned();
        let expected = json!({
            "api": "toWidget",
            "widgetId": super::message::WIDGET_ID,
            "requestId": id,
            "action": "update_turn_servers",
            "data": {
                "uris": server.as_ref().map_or(&[][..], TurnServer::uris),
                "username": text(TurnServer::username),
                "password": text(TurnServer::password),
            },
        });
        assert_eq!(received, expected);
        self.in_flight = Some((id, now.monotonic + Duration::from_secs(10)));
        if let Watch::Yes(told) = &mut self.watch {
            let is_repeated =
                told.as_ref().is_some_and(|told| told.is_overdue && told.server == server);
            *told = Some(Told { server, times: 1 + u8::from(is_repeated), is_overdue: false });
        }
    }

    /// The requests of the widget's that are not answered yet, or whose responses are not received.
    pub(super) fn held(&self) -> impl Iterator<Item = &str> {
        let pending = match &self.watch {
            Watch::Pending(requests, _) => &**requests,
            Watch::No | Watch::Expected(_) | Watch::Yes(_) => &[],
        };
        let responses = self.responses.iter().map(|response| &response.request);
        pending.iter().chain(responses).map(String::as_str)
    }

    /// How many messages a client can receive at once, at the very most.
    pub(super) const MOST_HELD: usize = MAX_QUEUED + MAX_PENDING + 1;

    /// Whether whatever the widget requested is answered.
    pub(super) fn has_answered(&self) -> bool {
        self.responses.is_empty() && !matches!(self.watch, Watch::Pending(..))
    }
}

impl Response {
    /// W17: the request to the byte, with a response added.
    fn expect(&self, received: &str) {
        let request = self.request.trim_end().strip_suffix('}').expect("a request is an object");
        let response = received
            .strip_prefix(request)
            .and_then(|rest| rest.strip_prefix(",\"response\":")?.strip_suffix('}'))
            .unwrap_or_else(|| panic!("{received} is no response to {}", self.request));
        match self.error {
            None => assert_eq!(response, "{}"),
            Some(error) => {
                let start = format!("{{\"error\":{{\"message\":\"{error}");
                assert!(response.starts_with(&start), "{response} instead of {error}");
            }
        }
        serde_json::from_str::<serde::de::IgnoredAny>(received).expect("a response is JSON");
    }
}

/// The identifiers in a list of capabilities.
pub(super) fn turn_servers_in(list: &[String]) -> Vec<&'static str> {
    TURN_SERVERS.into_iter().filter(|turn| list.iter().any(|it| it == turn)).collect()
}
