//! The widget machine, against a model that knows the rules and shares no code with it.

mod message;
mod model;
mod negotiation;
mod script;

use matrix_sdk_turn::{
    Timestamp,
    fuzzing::{Disposition, Machine, is_looked_at_from_widget, is_looked_at_to_widget},
};

use self::{
    message::{FromWidget, Message, TURN_SERVERS, ToWidget, WIDGET_ID},
    model::Model,
    script::Event,
};
use crate::{fields::Fields, heap};

/// How many bytes of memory a response takes beyond those of its request, the model's included.
const MAX_RESPONSE_OVERHEAD: usize = 256;

/// How many bytes the machine and the model take besides: for queues that had 80 responses once, whose room
/// for 128 is 8 KiB, and for the credentials and ids of an input.
const MAX_BESIDES: usize = 12 * 1024;

/// An input is what happens to a widget, an event a line: see `script.rs`. In the first line, `e` is for
/// a client that sends empty updates.
pub fn widget(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (options, events) = text.split_once('\n').unwrap_or(("", text));
    let mut run = Run::new(options == "e");
    for event in events.split('\n').filter_map(Event::read) {
        run.on(event);
    }
    run.end();
}

/// A request as matrix-widget-api and the SDK write it.
fn request(api: &str, action: &str, id: &str) -> String {
    format!(
        "{{\"api\":\"{api}\",\"widgetId\":\"{WIDGET_ID}\",\"requestId\":\"{id}\",\
         \"action\":\"{action}\",\"data\":{{}}}}"
    )
}

/// The widget's response to a request of the client's.
fn response(action: &str, id: &str, response: &str) -> String {
    let request = request("toWidget", action, id);
    let open = request.strip_suffix('}').expect("a request is an object");
    format!("{open},\"response\":{response}}}")
}

/// The machine and the model, and what the driver remembers.
struct Run {
    /// How many bytes of memory were in use before the machine and the model were made.
    heap_before: usize,
    machine: Machine,
    model: Model,
    now: Timestamp,
    is_subscribed: bool,
}

impl Run {
    fn new(sends_empty: bool) -> Self {
        Self {
            heap_before: heap::in_use(),
            machine: Machine::new(WIDGET_ID, sends_empty),
            model: Model::new(sends_empty),
            now: Timestamp::now(),
            is_subscribed: false,
        }
    }

    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::FromWidget(message) => self.on_message_from_widget(message),
            Event::ToWidget(message) => self.on_message_to_widget(message),
            Event::Decision(granted) => {
                let is_requested = self.model.negotiation.is_turn_requested();
                assert_eq!(self.machine.is_turn_requested(), is_requested);
                self.machine.on_decision(|| self.now, granted);
                self.model.on_decision(self.now, granted);
            }
            Event::State(state) if self.is_subscribed => {
                let state = state.at(self.now);
                self.machine.on_turn_state(self.now, state.clone());
                self.model.on_turn_state(self.now, state);
            }
            Event::State(_) => {}
            Event::Time(span) => {
                self.now.monotonic += span;
                self.now.wall += span;
            }
            Event::Driver => self.drive(),
            Event::Receive => self.receive(),
            Event::Acknowledge => {
                if let Some(id) = self.model.in_flight() {
                    self.on_message_from_widget(&response("update_turn_servers", id, "{}"));
                }
            }
            Event::Request(action) => {
                self.on_message_from_widget(&request("fromWidget", action, "1"))
            }
            Event::Negotiation => {
                self.on_message_to_widget(&request("toWidget", "capabilities", "2"));
                let requested = format!("{{\"capabilities\":[\"{}\"]}}", TURN_SERVERS[0]);
                self.on_message_from_widget(&response("capabilities", "2", &requested));
            }
        }
        assert_eq!(self.machine.wants_credentials(), self.model.wants_credentials());
        assert!(!self.machine.wants_state() || self.model.has_expired(self.now));
        self.check_memory();
    }

    /// W19: little is held but the requests whose responses were not received yet, twice, since the model
    /// holds them as well.
    fn check_memory(&self) {
        let in_use = heap::in_use() - self.heap_before;
        let requests = self.model.held().map(|request| 2 * request.len() + MAX_RESPONSE_OVERHEAD);
        let most = requests.sum::<usize>() + MAX_BESIDES;
        assert!(in_use <= most, "{in_use} bytes are in use, and {most} may be");
    }

    /// As the handle does it: what is not looked at must not be ours.
    fn on_message_from_widget(&mut self, message: &str) {
        if is_looked_at_from_widget(message) {
            let disposition = self.machine.on_message_from_widget(|| self.now, message);
            let is_ours = self.model.on_message_from_widget(self.now, message);
            assert_eq!(disposition == Disposition::Consumed, is_ours, "{message}");
        } else if let Some(read) = Message::read(message) {
            assert_eq!(read.if_from_widget(), FromWidget::NotOurs, "not looked at: {message}");
        }
    }

    fn on_message_to_widget(&mut self, message: &str) {
        let read = Message::read(message);
        if !is_looked_at_to_widget(message) {
            let is_ours = read.is_some_and(|read| read.if_to_widget() != ToWidget::NotOurs);
            assert!(!is_ours, "not looked at: {message}");
            return;
        }
        let passed_on = self.machine.on_message_to_widget(message.to_owned());
        let additions = read
            .as_ref()
            .map(|read| self.model.negotiation.on_message_to_widget(read))
            .unwrap_or_default();
        check_added(message, &passed_on, read.as_ref(), &additions);
    }

    fn drive(&mut self) {
        self.machine.handle_timeout(|| self.now);
        self.model.handle_timeout(self.now);
        let wants_credentials = self.machine.wants_credentials();
        if self.is_subscribed && !wants_credentials {
            self.machine.on_unsubscribed();
            self.model.on_unsubscribed();
        }
        self.is_subscribed = wants_credentials;
    }

    fn receive(&mut self) {
        let has_some = self.machine.has_transmit();
        let received = self.machine.poll_transmit(|| self.now);
        assert!(has_some || received.is_none());
        self.model.expect(self.now, received.as_deref());
    }

    /// When the 8 seconds are over, every request has its one response, and little was held.
    fn end(&mut self) {
        self.on(Event::Time(std::time::Duration::from_secs(8)));
        self.drive();
        for held in 0.. {
            assert!(held <= Model::MOST_HELD, "more is held than may be");
            if !self.machine.has_transmit() {
                break;
            }
            self.receive();
        }
        self.receive();
        assert!(self.model.has_answered());
        self.check_memory();
    }
}

/// W1, W2 and W5: a message stays what it is, but for texts that are added to lists in it.
fn check_added(
    before: &str,
    after: &str,
    message: Option<&Message<'_>>,
    additions: &[(&'static str, Vec<&'static str>)],
) {
    let lists = |message: &Message<'_>| -> Option<Vec<Vec<String>>> {
        let object = match message.if_to_widget() {
            ToWidget::Versions => message.response?,
            _ => message.data?,
        };
        let fields = Fields::read(object.get().as_bytes())?;
        additions.iter().map(|(name, _)| fields.texts(name)).collect()
    };
    let Some(lists_before) = message.and_then(lists) else {
        return assert_eq!(before, after);
    };
    let mut expected = before.len();
    let mut lists_expected = Vec::new();
    for (mut list, (_, added)) in lists_before.into_iter().zip(additions) {
        for item in added {
            if !list.iter().any(|present| present == item) {
                expected += item.len() + 2 + usize::from(!list.is_empty());
                list.push((*item).to_owned());
            }
        }
        lists_expected.push(list);
    }
    let lists_after = Message::read(after).as_ref().and_then(lists);
    assert_eq!(lists_after, Some(lists_expected), "{before} became {after}");
    assert_eq!(after.len(), expected, "{before} became {after}");
    let mut rest = after.bytes();
    assert!(before.bytes().all(|byte| rest.any(|other| other == byte)), "{before} became {after}");
}
