//! What a widget is told of TURN, and when: rules without I/O, clock or await.
//!
//! Messages and credential states go in; [`Machine::poll_transmit`] gives the messages that go to
//! the widget, [`Machine::wants_credentials`] whether states are needed, and
//! [`Machine::poll_timeout`] when to call [`Machine::handle_timeout`].
//!
//! The time is handed in as a function, and read only where it matters: reading it costs as much as
//! most of what is done here.

mod delivery;
#[cfg(test)]
mod exploration;
mod negotiation;
mod responses;
mod watch;

use std::{fmt, time::Instant};

use tracing::{debug, warn};

use self::{
    delivery::{Delivery, Update},
    negotiation::Negotiation,
    responses::Responses,
    watch::Watch,
};
use super::message::{
    Action, Api, Envelope, error_response, harmless_request, success_response, with_version_added,
};
use crate::{clock::Timestamp, state::TurnState};

/// What to do with a message from the widget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was not for us, or not only.
    PassOn,
    /// It was for us, and the SDK must not see it.
    Consumed,
}

/// The state of one widget.
#[cfg_attr(test, derive(Clone, Hash))]
pub struct Machine {
    widget_id: String,
    /// A page said that it has loaded, and did not ask to watch yet.
    has_new_page: bool,
    negotiation: Negotiation,
    newest: Newest,
    watch: Watch,
    delivery: Delivery,
    responses: Responses,
}

/// The newest of the states, as long as somebody wants them.
#[cfg_attr(test, derive(Clone, Hash))]
enum Newest {
    Unknown,
    Known(TurnState),
    /// It was not sent, since it had expired. Credentials may hold longer by now without another
    /// state being published (S12).
    HasExpired,
}

impl Newest {
    fn known(&self) -> Option<&TurnState> {
        match self {
            Self::Known(state) => Some(state),
            Self::Unknown | Self::HasExpired => None,
        }
    }
}

impl Machine {
    /// The state of a widget that has not loaded yet. `empty_update_when_unavailable`: whether it is
    /// told, by an empty list, that there are no credentials.
    pub fn new(widget_id: &str, empty_update_when_unavailable: bool) -> Self {
        Self {
            widget_id: widget_id.to_owned(),
            has_new_page: false,
            negotiation: Negotiation::NotYet,
            newest: Newest::Unknown,
            watch: Watch::No,
            delivery: Delivery::new(empty_update_when_unavailable),
            responses: Responses::default(),
        }
    }

    /// A message on its way from the SDK to the widget. Returns it, with TURN added where the SDK
    /// says what it supports and what was granted.
    pub fn on_message_to_widget(&mut self, message: String) -> String {
        self.with_turn_added(&message).unwrap_or(message)
    }

    fn with_turn_added(&mut self, message: &str) -> Option<String> {
        let envelope = Envelope::parse(message)?;
        if envelope.widget_id != self.widget_id {
            return None;
        }
        match (envelope.api, envelope.action()?) {
            (Api::ToWidget, Action::Capabilities) => {
                self.negotiation.asked(envelope.request_id?.into_owned());
                None
            }
            (Api::ToWidget, Action::NotifyCapabilities) => {
                self.negotiation.amend(message, envelope.data?.get())
            }
            (Api::FromWidget, Action::SupportedApiVersions) => {
                with_version_added(message, envelope.response?.get())
            }
            _ => None,
        }
    }

    /// A message that the widget sent.
    pub fn on_message_from_widget(
        &mut self,
        now: impl FnOnce() -> Timestamp,
        message: &str,
    ) -> Disposition {
        let Some(envelope) = Envelope::parse(message) else { return Disposition::PassOn };
        let Some(action) = envelope.action() else { return Disposition::PassOn };
        if envelope.widget_id != self.widget_id {
            return Disposition::PassOn;
        }
        let request_id = envelope.request_id.as_deref();
        match (envelope.api, action, envelope.response) {
            (Api::FromWidget, Action::WatchTurnServers, None) => {
                self.on_request(message, |machine| machine.watch(now(), message));
                Disposition::Consumed
            }
            (Api::FromWidget, Action::UnwatchTurnServers, None) => {
                self.on_request(message, |machine| machine.unwatch(message));
                Disposition::Consumed
            }
            (Api::ToWidget, Action::UpdateTurnServers, Some(_)) => {
                self.delivery.acknowledged(request_id);
                Disposition::Consumed
            }
            (Api::FromWidget, Action::ContentLoaded, None) => {
                self.has_new_page = true;
                Disposition::PassOn
            }
            (Api::ToWidget, Action::Capabilities, Some(response)) => {
                if envelope.data.is_some() {
                    self.negotiation.answered(request_id, response.get());
                }
                Disposition::PassOn
            }
            _ => Disposition::PassOn,
        }
    }

    /// The SDK has the provider asked for its decision. Returns whether TURN is part of it.
    pub fn is_turn_requested(&self) -> bool {
        self.negotiation.is_turn_requested()
    }

    /// The provider decided.
    pub fn on_decision(&mut self, now: impl FnOnce() -> Timestamp, granted: bool) {
        let Some(granted) = self.negotiation.decide(granted) else { return };
        debug!(widget_id = self.widget_id, granted, "decided on TURN for the widget");
        if granted {
            self.watch.expect(now());
        } else {
            self.watch.stop(&mut self.responses);
        }
    }

    fn on_request(&mut self, request: &str, serve: impl FnOnce(&mut Self)) {
        if self.responses.is_full() {
            if self.responses.note_dropped() {
                let widget_id = &self.widget_id;
                warn!(widget_id, "dropping TURN requests: the widget's responses are not received");
            }
            return;
        }
        match self.negotiation.permission() {
            Ok(()) => serve(self),
            Err(refusal) => self.responses.extend(error_response(request, &refusal.message())),
        }
    }

    fn watch(&mut self, now: Timestamp, request: &str) {
        if std::mem::take(&mut self.has_new_page) {
            self.watch.start_over();
            self.delivery.start_over();
        }
        self.watch.request(now, request, &mut self.responses);
        self.settle(now);
    }

    fn unwatch(&mut self, request: &str) {
        self.watch.stop(&mut self.responses);
        self.responses.extend(success_response(request));
    }

    /// Whether [`Self::on_turn_state`] is to be called with each new state.
    pub fn wants_credentials(&self) -> bool {
        !matches!(self.watch, Watch::No)
    }

    /// Whether [`Self::on_turn_state`] is to be called with what there is now.
    pub fn wants_state(&self) -> bool {
        matches!(self.newest, Newest::HasExpired)
    }

    /// States do not come any more, so the last one says nothing about now.
    pub fn on_unsubscribed(&mut self) {
        self.newest = Newest::Unknown;
    }

    /// The credentials changed, or their first state is known.
    pub fn on_turn_state(&mut self, now: Timestamp, state: TurnState) {
        self.newest = Newest::Known(state);
        self.settle(now);
    }

    /// Answers the requests that are pending, if the outcome is known.
    fn settle(&mut self, now: Timestamp) {
        let Some(newest) = self.newest.known() else { return };
        match (newest.available(), newest.unavailable()) {
            // The outcome is not known: others may come within the time that there is.
            (Some(server), _) if server.is_expired(now) => {}
            (_, Some(why)) if !why.reason().is_transient() => {
                self.watch.fail(why, &mut self.responses);
            }
            _ => self.watch.start(&mut self.responses),
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.watch.poll_timeout().into_iter().chain(self.delivery.poll_timeout()).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: impl FnOnce() -> Timestamp) {
        if self.poll_timeout().is_none() {
            return;
        }
        let now = now();
        self.watch.handle_timeout(now, &mut self.responses);
        if self.delivery.handle_timeout(now)
            && let Watch::Yes { last_update } = &mut self.watch
        {
            last_update.timed_out();
        }
    }

    fn due_update(&self) -> Option<Update> {
        let Watch::Yes { last_update } = &self.watch else { return None };
        self.delivery.due(self.newest.known(), last_update)
    }

    /// Whether [`Self::poll_transmit`] has something, unless it has expired.
    pub fn has_transmit(&self) -> bool {
        !self.responses.is_empty() || self.due_update().is_some()
    }

    /// The next message to the widget. Counts as sent.
    pub fn poll_transmit(&mut self, now: impl FnOnce() -> Timestamp) -> Option<String> {
        if let Some(response) = self.responses.pop() {
            return Some(response);
        }
        let update = self.due_update()?;
        let now = now();
        if update.is_expired(now) {
            self.newest = Newest::HasExpired;
            return None;
        }
        let Watch::Yes { last_update } = &mut self.watch else { return None };
        self.delivery.send(now, &self.widget_id, update, last_update)
    }

    /// A request in the widget's name which the SDK always answers, and which has no effect.
    pub fn harmless_request(&self) -> Option<String> {
        harmless_request(&self.widget_id)
    }

    /// The driver or the handles are gone: responses still go out, credentials do not.
    pub fn close(&mut self) {
        self.watch.stop(&mut self.responses);
        self.newest = Newest::Unknown;
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("widget_id", &self.widget_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::capability::TURN_SERVERS, *};
    use crate::credentials::TurnServer;

    const WATCH: &str = "watch_turn_servers";
    const UPDATE: &str = "update_turn_servers";

    fn to_widget(action: &str) -> Value {
        json!({
            "api": "toWidget",
            "widgetId": "w",
            "requestId": format!("sdk-{action}"),
            "action": action,
            "data": {},
        })
    }

    fn from_widget(machine: &mut Machine, action: &str) -> Disposition {
        let request = json!({
            "api": "fromWidget",
            "widgetId": "w",
            "requestId": "1",
            "action": action,
            "data": {},
        });
        machine.on_message_from_widget(Timestamp::now, &request.to_string())
    }

    fn respond(machine: &mut Machine, mut request: Value, response: Value) -> Disposition {
        request["response"] = response;
        machine.on_message_from_widget(Timestamp::now, &request.to_string())
    }

    fn granted() -> Machine {
        let mut machine = Machine::new("w", false);
        let request = to_widget("capabilities");
        machine.on_message_to_widget(request.to_string());
        respond(&mut machine, request, json!({ "capabilities": TURN_SERVERS }));
        machine.on_decision(Timestamp::now, true);
        machine
    }

    fn server() -> TurnServer {
        TurnServer::new(vec!["turn:a".to_owned()], "u", "p")
    }

    /// A machine whose widget watches, and did not acknowledge its first update yet.
    fn watching() -> Machine {
        let mut machine = granted();
        from_widget(&mut machine, WATCH);
        machine.on_turn_state(Timestamp::now(), TurnState::Available(server()));
        expect(&mut machine, WATCH);
        expect(&mut machine, UPDATE);
        machine
    }

    fn expect(machine: &mut Machine, words: &str) {
        let message = machine.poll_transmit(Timestamp::now).unwrap();
        assert!(message.contains(words), "{message}");
    }

    #[test]
    fn debug_says_which_widget_it_is_and_nothing_of_what_it_is_told() {
        assert_eq!(format!("{:?}", watching()), r#"Machine { widget_id: "w", .. }"#);
    }

    #[test]
    fn w11_an_acknowledgement_is_not_the_sdks_to_see() {
        let mut machine = watching();
        for request_id in ["of another", "town.robin.msc3846.1"] {
            let mut update = to_widget(UPDATE);
            update["requestId"] = json!(request_id);
            let error = json!({ "error": { "message": "no such action" } });
            assert_eq!(respond(&mut machine, update, error), Disposition::Consumed);
        }
        assert_eq!(machine.poll_timeout(), None, "an error acknowledges it too");
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
                machine.on_message_from_widget(Timestamp::now, &message);
                machine.on_message_from_widget(Timestamp::now, message.get(..cut).unwrap_or("{"));
                machine.handle_timeout(Timestamp::now);
                machine.poll_transmit(Timestamp::now);
            }
        }
    }
}
