//! What a widget is told of TURN, and when: rules without I/O, clock or await.
//!
//! Messages and credential states go in; [`Machine::poll_transmit`] gives the messages that go to
//! the widget, [`Machine::wants_credentials`] whether states are needed, and
//! [`Machine::poll_timeout`] when to call [`Machine::handle_timeout`].

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tracing::{debug, warn};

use super::{
    capability::{API_VERSION, TURN_SERVERS},
    message::{
        Api, CapabilitiesResponse, Envelope, NotifyCapabilities, SupportedVersions,
        append_to_arrays, error_response, success_response, unavailable_response, update_request,
    },
};
use crate::{
    clock::Timestamp, credentials::TurnServer, state::TurnState, unavailable::Unavailable,
};

/// The widget's request times out after 10 s.
const WATCH_TIMEOUT: Duration = Duration::from_secs(8);

/// As long as the SDK waits for a response of the widget's.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(10);

/// As many as the SDK leaves unanswered.
const MAX_PENDING_WATCHES: usize = 15;

/// A client that receives its messages leaves none of these. A response repeats its request, which
/// is no larger than the messages that are looked at.
const MAX_QUEUED_RESPONSES: usize = 64;

const WATCH: &str = "watch_turn_servers";
const UNWATCH: &str = "unwatch_turn_servers";
const UPDATE: &str = "update_turn_servers";

/// What to do with a message from the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It was not for us, or not only.
    PassOn,
    /// It was for us, and the SDK must not see it.
    Consumed,
}

/// The state of one widget.
pub(crate) struct Machine {
    widget_id: String,
    empty_update_when_unavailable: bool,
    /// A page said that its content has loaded.
    has_loaded: bool,
    negotiation: Negotiation,
    watch: Watch,
    /// The newest state since somebody wants them.
    state: Option<TurnState>,
    responses: VecDeque<String>,
    /// What is to be sent as soon as no other update is in flight.
    next_update: Option<Update>,
    last_update: Option<Update>,
    in_flight: Option<InFlight>,
    updates: u64,
}

enum Negotiation {
    NotYet,
    /// The SDK asked the widget what it requests.
    Asked {
        request_id: String,
    },
    /// The widget answered, the provider did not decide yet.
    Answered {
        requested: Vec<&'static str>,
    },
    Decided {
        requested: Vec<&'static str>,
        granted: bool,
    },
}

enum Watch {
    No,
    /// Requested, and the first outcome is not known yet.
    Pending {
        requests: Vec<String>,
        until: Instant,
    },
    Yes,
}

#[derive(Clone, PartialEq, Eq)]
enum Update {
    Credentials(TurnServer),
    /// An empty list of URIs.
    Empty,
}

struct InFlight {
    request_id: String,
    until: Instant,
}

impl Machine {
    pub(crate) fn new(widget_id: &str, empty_update_when_unavailable: bool) -> Self {
        Self {
            widget_id: widget_id.to_owned(),
            empty_update_when_unavailable,
            has_loaded: false,
            negotiation: Negotiation::NotYet,
            watch: Watch::No,
            state: None,
            responses: VecDeque::new(),
            next_update: None,
            last_update: None,
            in_flight: None,
            updates: 0,
        }
    }

    /// A message on its way from the SDK to the widget. Returns it, with TURN added where the SDK
    /// says what it supports and what was granted.
    pub(crate) fn on_message_to_widget(&mut self, message: String) -> String {
        self.with_turn_added(&message).unwrap_or(message)
    }

    fn with_turn_added(&mut self, message: &str) -> Option<String> {
        let envelope = Envelope::parse(message)?;
        if envelope.widget_id != self.widget_id {
            return None;
        }
        match (envelope.api, &*envelope.action) {
            (Api::ToWidget, "capabilities") => {
                let request_id = envelope.request_id?.into_owned();
                self.negotiation = Negotiation::Asked { request_id };
                None
            }
            (Api::ToWidget, "notify_capabilities") => {
                let Negotiation::Decided { requested, granted } = &self.negotiation else {
                    return None;
                };
                let lists: NotifyCapabilities<'_> =
                    serde_json::from_str(envelope.data?.get()).ok()?;
                let approved = if *granted { requested.clone() } else { Vec::new() };
                append_to_arrays(
                    message,
                    vec![(lists.requested, requested.clone()), (lists.approved, approved)],
                )
            }
            (Api::FromWidget, "supported_api_versions") => {
                let versions: SupportedVersions<'_> =
                    serde_json::from_str(envelope.response?.get()).ok()?;
                append_to_arrays(message, vec![(versions.supported_versions, vec![API_VERSION])])
            }
            _ => None,
        }
    }

    /// A message that the widget sent.
    pub(crate) fn on_message_from_widget(&mut self, now: Timestamp, message: &str) -> Disposition {
        let Some(envelope) = Envelope::parse(message) else { return Disposition::PassOn };
        if envelope.widget_id != self.widget_id {
            return Disposition::PassOn;
        }
        match (envelope.api, &*envelope.action, envelope.response) {
            (Api::FromWidget, WATCH, None) => self.on_request(now, message, Self::watch),
            (Api::FromWidget, UNWATCH, None) => self.on_request(now, message, Self::unwatch),
            (Api::FromWidget, "content_loaded", None) => {
                self.on_page_loaded();
                Disposition::PassOn
            }
            (Api::ToWidget, UPDATE, Some(_)) => {
                self.on_update_acknowledged(envelope.request_id.as_deref());
                Disposition::Consumed
            }
            (Api::ToWidget, "capabilities", Some(response)) => {
                if envelope.data.is_some() {
                    self.on_capabilities(envelope.request_id.as_deref(), response.get());
                }
                Disposition::PassOn
            }
            _ => Disposition::PassOn,
        }
    }

    fn on_capabilities(&mut self, request_id: Option<&str>, response: &str) {
        // The SDK asked, or nobody did: then the widget's word counts for nothing.
        if !matches!(&self.negotiation,
            Negotiation::Asked { request_id: asked } if request_id == Some(asked))
        {
            return;
        }
        let written = serde_json::from_str::<CapabilitiesResponse<'_>>(response)
            .map(|response| response.capabilities)
            .unwrap_or_default();
        let requested =
            TURN_SERVERS.into_iter().filter(|turn| written.iter().any(|w| w == turn)).collect();
        self.negotiation = Negotiation::Answered { requested };
    }

    /// The SDK has the provider asked for its decision. Returns whether TURN is part of it.
    pub(crate) fn is_turn_requested(&self) -> bool {
        matches!(&self.negotiation, Negotiation::Answered { requested } if !requested.is_empty())
    }

    /// The provider decided.
    pub(crate) fn on_decision(&mut self, granted: bool) {
        let Negotiation::Answered { requested } = &mut self.negotiation else { return };
        let requested = std::mem::take(requested);
        let granted = granted && !requested.is_empty();
        debug!(granted, "decided on TURN for the widget");
        if !granted {
            self.stop_watching();
        }
        self.negotiation = Negotiation::Decided { requested, granted };
    }

    fn on_request(
        &mut self,
        now: Timestamp,
        request: &str,
        serve: fn(&mut Self, Timestamp, &str),
    ) -> Disposition {
        if self.responses.len() >= MAX_QUEUED_RESPONSES {
            warn!("dropping a TURN request of the widget's: its responses are not received");
        } else {
            match &self.negotiation {
                Negotiation::Decided { granted: true, .. } => serve(self, now, request),
                Negotiation::Decided { granted: false, .. } => self.refuse(
                    request,
                    &format!("Not allowed: missing the {} capability.", TURN_SERVERS[0]),
                ),
                _ => self.refuse(
                    request,
                    "Received TURN servers request before capabilities were negotiated",
                ),
            }
        }
        Disposition::Consumed
    }

    fn watch(&mut self, now: Timestamp, request: &str) {
        match &mut self.watch {
            Watch::Yes => self.succeed(request),
            Watch::Pending { requests, .. } if requests.len() < MAX_PENDING_WATCHES => {
                requests.push(request.to_owned());
            }
            Watch::Pending { .. } => {
                self.refuse(request, "Too many TURN servers requests are not answered yet");
            }
            Watch::No => {
                self.watch = Watch::Pending {
                    requests: vec![request.to_owned()],
                    until: now.monotonic + WATCH_TIMEOUT,
                };
                if let Some(state) = self.state.clone() {
                    self.on_turn_state(now, state);
                }
            }
        }
    }

    fn unwatch(&mut self, _now: Timestamp, request: &str) {
        self.stop_watching();
        self.succeed(request);
    }

    fn stop_watching(&mut self) {
        self.answer_pending(success_response);
        self.watch = Watch::No;
        self.next_update = None;
        self.last_update = None;
    }

    fn on_page_loaded(&mut self) {
        // A widget that does not wait for its content may watch before it says so.
        let is_reload = std::mem::replace(&mut self.has_loaded, true);
        if !is_reload {
            return;
        }
        // Whoever sent the requests that are pending is gone, and so is the update in flight.
        self.watch = Watch::No;
        self.next_update = None;
        self.last_update = None;
        self.in_flight = None;
    }

    /// Whether [`Self::on_turn_state`] is to be called.
    pub(crate) fn wants_credentials(&self) -> bool {
        !matches!(self.watch, Watch::No)
    }

    /// States do not come any more, so the last one says nothing about now.
    pub(crate) fn on_unsubscribed(&mut self) {
        self.state = None;
    }

    /// The credentials changed, or their first state is known.
    pub(crate) fn on_turn_state(&mut self, now: Timestamp, state: TurnState) {
        if state.available().is_some_and(|server| server.is_expired(now)) {
            // The next state is on its way, and says so.
            return;
        }
        match (&self.watch, &state) {
            (Watch::Pending { .. }, TurnState::Unavailable(why))
                if !why.reason().is_transient() =>
            {
                self.fail_pending(why);
            }
            (Watch::Pending { .. }, _) => {
                self.start_updates();
                self.schedule_update(&state);
            }
            (Watch::Yes, _) => self.schedule_update(&state),
            (Watch::No, _) => {}
        }
        self.state = Some(state);
    }

    fn fail_pending(&mut self, why: &Unavailable) {
        self.answer_pending(|request| unavailable_response(request, why));
        self.watch = Watch::No;
    }

    fn start_updates(&mut self) {
        self.answer_pending(success_response);
        self.watch = Watch::Yes;
    }

    fn answer_pending(&mut self, response: impl Fn(&str) -> Option<String>) {
        if let Watch::Pending { requests, .. } = &mut self.watch {
            for request in std::mem::take(requests) {
                self.responses.extend(response(&request));
            }
        }
    }

    fn schedule_update(&mut self, state: &TurnState) {
        let update = match state {
            TurnState::Available(server) => Some(Update::Credentials(server.clone())),
            TurnState::Unavailable(_) if self.empty_update_when_unavailable => Some(Update::Empty),
            // What was to be sent is not valid any more either.
            TurnState::Unavailable(_) => None,
        };
        self.next_update = update.filter(|update| self.last_update.as_ref() != Some(update));
    }

    fn on_update_acknowledged(&mut self, request_id: Option<&str>) {
        if self.in_flight.as_ref().is_some_and(|update| request_id == Some(&update.request_id)) {
            self.in_flight = None;
        }
    }

    fn succeed(&mut self, request: &str) {
        self.responses.extend(success_response(request));
    }

    fn refuse(&mut self, request: &str, message: &str) {
        self.responses.extend(error_response(request, message));
    }

    /// When to call [`Self::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let watch = match &self.watch {
            Watch::Pending { until, .. } => Some(*until),
            Watch::No | Watch::Yes => None,
        };
        let update = self.in_flight.as_ref().map(|update| update.until);
        watch.into_iter().chain(update).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        if matches!(&self.watch, Watch::Pending { until, .. } if now.monotonic >= *until) {
            self.start_updates();
        }
        if self.in_flight.as_ref().is_some_and(|update| now.monotonic >= update.until) {
            debug!("the widget did not acknowledge a TURN update");
            self.in_flight = None;
        }
    }

    /// Whether [`Self::poll_transmit`] may have something.
    pub(crate) fn has_transmit(&self) -> bool {
        !self.responses.is_empty() || (self.next_update.is_some() && self.in_flight.is_none())
    }

    /// The next message to the widget. Counts as sent.
    pub(crate) fn poll_transmit(&mut self, now: Timestamp) -> Option<String> {
        if let Some(response) = self.responses.pop_front() {
            return Some(response);
        }
        if self.in_flight.is_some() || !matches!(self.watch, Watch::Yes) {
            return None;
        }
        let update = self.next_update.take()?;
        let server = match &update {
            // The client may have been slow to receive.
            Update::Credentials(server) if server.is_expired(now) => return None,
            Update::Credentials(server) => Some(server),
            Update::Empty => None,
        };

        self.updates += 1;
        let request_id = format!("{API_VERSION}.{}", self.updates);
        let request = update_request(&self.widget_id, &request_id, server);
        self.in_flight = Some(InFlight { request_id, until: now.monotonic + UPDATE_TIMEOUT });
        self.last_update = Some(update);
        request
    }

    /// The driver stopped: responses still go out, credentials do not.
    pub(crate) fn close(&mut self) {
        self.stop_watching();
        self.state = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{state::TurnState, unavailable::UnavailableReason};

    const NOT_THE_SDKS: &str = "8f6ff0b4-7cc9-4b2c-9a1f-000000000000";

    fn to_widget(action: &str, data: Value) -> String {
        json!({
            "api": "toWidget",
            "widgetId": "w",
            "requestId": format!("sdk-{action}"),
            "action": action,
            "data": data,
        })
        .to_string()
    }

    fn from_widget(action: &str) -> String {
        json!({
            "api": "fromWidget",
            "widgetId": "w",
            "requestId": "1",
            "action": action,
            "data": {},
        })
        .to_string()
    }

    fn negotiate(machine: &mut Machine, capabilities: &[&str], granted: bool) {
        let request = to_widget("capabilities", json!({}));
        assert_eq!(machine.on_message_to_widget(request.clone()), request);
        let mut response: Value = serde_json::from_str(&request).unwrap();
        response["response"] = json!({ "capabilities": capabilities });
        let disposition = machine.on_message_from_widget(Timestamp::now(), &response.to_string());
        assert_eq!(disposition, Disposition::PassOn);
        machine.on_decision(granted);
    }

    fn watching() -> Machine {
        let mut machine = Machine::new("w", false);
        negotiate(&mut machine, &[TURN_SERVERS[0]], true);
        let now = Timestamp::now();
        machine.on_message_from_widget(now, &from_widget(WATCH));
        let server = TurnServer::new(vec!["turn:a".to_owned()], "u", "p");
        machine.on_turn_state(now, TurnState::Available(server));
        assert!(machine.poll_transmit(now).unwrap().contains(WATCH));
        assert!(machine.poll_transmit(now).unwrap().contains(UPDATE));
        machine
    }

    #[test]
    fn w15_negotiating_again_without_turn_stops_watching() {
        for (capabilities, granted) in [(&[][..], true), (&[TURN_SERVERS[0]][..], false)] {
            let mut machine = watching();
            assert!(machine.wants_credentials());
            negotiate(&mut machine, capabilities, granted);

            assert!(!machine.wants_credentials());
            let now = Timestamp::now();
            machine.on_message_from_widget(now, &from_widget(WATCH));
            assert!(machine.poll_transmit(now).unwrap().contains("Not allowed"));
        }
    }

    #[test]
    fn w15_negotiating_again_with_turn_goes_on_watching() {
        let mut machine = watching();
        negotiate(&mut machine, &[TURN_SERVERS[1]], true);
        assert!(machine.wants_credentials());
    }

    #[test]
    fn w06_while_negotiating_again_a_watch_is_an_error() {
        let mut machine = watching();
        machine.on_message_to_widget(to_widget("capabilities", json!({})));
        let now = Timestamp::now();
        machine.on_message_from_widget(now, &from_widget(WATCH));
        assert!(machine.poll_transmit(now).unwrap().contains("before capabilities"));
    }

    #[test]
    fn w03_a_decision_on_what_nobody_requested_is_no_grant() {
        let mut machine = Machine::new("w", false);
        machine.on_decision(true);
        let now = Timestamp::now();
        machine.on_message_from_widget(now, &from_widget(WATCH));
        assert!(machine.poll_transmit(now).unwrap().contains("before capabilities"));
    }

    #[test]
    fn w03_malformed_capabilities_request_nothing() {
        for response in [json!({}), json!({ "capabilities": "all" }), json!(null), json!([1])] {
            let mut machine = Machine::new("w", false);
            let request = to_widget("capabilities", json!({}));
            machine.on_message_to_widget(request.clone());
            let mut message: Value = serde_json::from_str(&request).unwrap();
            message["response"] = response;
            machine.on_message_from_widget(Timestamp::now(), &message.to_string());
            assert!(!machine.is_turn_requested());
        }
    }

    #[test]
    fn w11_an_acknowledgement_of_another_update_is_none() {
        let mut machine = watching();
        for request_id in ["", NOT_THE_SDKS, "town.robin.msc3846.2"] {
            let mut message: Value = serde_json::from_str(&to_widget(UPDATE, json!({}))).unwrap();
            message["requestId"] = json!(request_id);
            message["response"] = json!({});
            let now = Timestamp::now();
            let disposition = machine.on_message_from_widget(now, &message.to_string());
            assert_eq!(disposition, Disposition::Consumed, "the SDK asked nothing of the kind");
            assert!(machine.in_flight.is_some());
        }
    }

    #[test]
    fn w11_an_error_acknowledges_an_update_too() {
        let mut machine = watching();
        let mut message: Value = serde_json::from_str(&to_widget(UPDATE, json!({}))).unwrap();
        message["requestId"] = json!("town.robin.msc3846.1");
        message["response"] = json!({ "error": { "message": "no such action" } });
        machine.on_message_from_widget(Timestamp::now(), &message.to_string());
        assert!(machine.in_flight.is_none());
    }

    #[test]
    fn w07_a_state_that_expired_on_the_way_is_no_outcome() {
        let mut machine = Machine::new("w", false);
        negotiate(&mut machine, &[TURN_SERVERS[0]], true);
        let now = Timestamp::now();
        machine.on_message_from_widget(now, &from_widget(WATCH));

        let expired = TurnServer::new(vec!["turn:a".to_owned()], "u", "p")
            .expiring(Some(crate::clock::Deadline::after(now, Duration::ZERO)));
        machine.on_turn_state(now, TurnState::Available(expired));
        assert_eq!(machine.poll_transmit(now), None);

        let why = Unavailable::new(UnavailableReason::Expired);
        machine.on_turn_state(now, TurnState::Unavailable(why));
        assert!(machine.poll_transmit(now).unwrap().contains("\"response\":{}"));
    }

    /// Strings, JSON, and messages that are nearly ours.
    fn message() -> impl Strategy<Value = String> {
        let near = (
            prop_oneof![Just("toWidget"), Just("fromWidget"), Just("x")],
            prop_oneof![Just("w"), Just("another")],
            prop_oneof![
                Just("send_event"),
                Just("capabilities"),
                Just("notify_capabilities"),
                Just("supported_api_versions"),
                Just("update_turn_servers"),
            ],
            any::<String>(),
            any::<Option<u64>>(),
        )
            .prop_map(|(api, widget_id, action, text, number)| {
                json!({
                    "api": api,
                    "widgetId": widget_id,
                    "requestId": text,
                    "action": action,
                    "data": { "capabilities": text, "supported_versions": number },
                    "response": text,
                })
                .to_string()
            });
        prop_oneof![any::<String>(), near]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn w01_a_message_to_the_widget_that_is_not_ours_is_the_same_to_the_byte(
            message in message(),
        ) {
            let mut machine = watching();
            prop_assert_eq!(machine.on_message_to_widget(message.clone()), message);
        }

        #[test]
        fn w19_nothing_a_widget_sends_panics(
            messages in proptest::collection::vec((message(), 0_usize..400), 0..40),
        ) {
            let mut machine = watching();
            for (message, cut) in messages {
                machine.on_message_from_widget(Timestamp::now(), &message);
                machine.on_message_from_widget(Timestamp::now(), message.get(..cut).unwrap_or("{"));
                machine.handle_timeout(Timestamp::now());
                machine.poll_transmit(Timestamp::now());
            }
        }
    }
}
