//! The widget machine, checked with the rules. It gets real messages here, where its exploration has events.

mod message;
mod script;

use std::{collections::VecDeque, time::Duration};

use matrix_sdk_turn::{
    Timestamp,
    fuzzing::{Disposition, Machine, is_looked_at_from_widget, is_looked_at_to_widget},
};
use turn_rules::widget::{
    self as rules, Addition, FromWidget, Millis, Name, Request, Rule, Rules, Seen, Spelling,
    ToWidget, request, respond,
};

use self::{
    message::{Message, Newest, WIDGET_ID},
    script::{Event, State},
};
use crate::{fields::Fields, heap, secret::MARK};

/// How many bytes of memory a response takes beyond those of its request, this test's copy included.
const MAX_RESPONSE_OVERHEAD: usize = 256;

/// How many bytes a name takes in this test's list beyond its own: the list has room for twice as many.
const NAME_OVERHEAD: usize = 2 * size_of::<String>();

/// How many bytes the machine and this test take besides: for queues that had 80 responses once, whose
/// room for 128 is 8 KiB, and for the credentials and ids of an input.
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

fn hold<T>(checked: Result<T, String>) -> T {
    checked.unwrap_or_else(|broken| panic!("{broken}"))
}

/// The machine, the rules, and what the driver remembers.
struct Run {
    /// How many bytes of memory were in use before the machine and the rules were made.
    heap_before: usize,
    machine: Machine,
    rules: Rules,
    written: Written,
    newest: Newest,
    requests: u32,
    now: Timestamp,
    is_subscribed: bool,
}

impl Run {
    fn new(sends_empty: bool) -> Self {
        Self {
            heap_before: heap::in_use(),
            machine: Machine::new(WIDGET_ID, sends_empty),
            rules: Rules::new(sends_empty),
            written: Written::default(),
            newest: Newest::default(),
            requests: 0,
            now: Timestamp::now(),
            is_subscribed: false,
        }
    }

    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::FromWidget(message) => self.on_message_from_widget(message),
            Event::ToWidget(message) => self.on_message_to_widget(message),
            Event::Decision(grants) => {
                self.machine.on_decision(|| self.now, grants);
                self.rules.on(rules::Event::ProviderDecides { grants });
            }
            Event::State(state) if self.is_subscribed => {
                let news = state.news(|name| self.written.number(name));
                self.rules.on(rules::Event::ServiceSays(news));
                self.machine.on_turn_state(self.now, state.at(self.now));
            }
            Event::State(_) => {}
            Event::Time(span) => self.pass(span),
            Event::Driver => self.drive(),
            Event::Receive => self.receive(),
            Event::Close => {
                self.machine.close();
                self.rules.on(rules::Event::Closes);
            }
            Event::Acknowledge => {
                if let Some(id) = &self.newest.update {
                    let update = request("toWidget", WIDGET_ID, id, "update_turn_servers", "{}");
                    self.on_message_from_widget(&respond(&update, "{}"));
                }
            }
            Event::Request(action) => {
                self.on_message_from_widget(&request("fromWidget", WIDGET_ID, "1", action, "{}"));
            }
            Event::Negotiation => {
                let asked = request("toWidget", WIDGET_ID, "2", "capabilities", "{}");
                self.on_message_to_widget(&asked);
                let requested = r#"{"capabilities":["town.robin.msc3846.turn_servers"]}"#;
                self.on_message_from_widget(&respond(&asked, requested));
            }
        }
        self.check();
    }

    fn check(&self) {
        let timeout = self.machine.poll_timeout();
        let left = timeout.map(|timeout| timeout.duration_since(self.now.monotonic).as_millis());
        hold(self.rules.check(Seen {
            is_turn_requested: self.machine.is_turn_requested(),
            wants_credentials: self.machine.wants_credentials(),
            wants_state: self.machine.wants_state(),
            timeout: left.map(|left| left as Millis),
            has_message: self.machine.has_transmit(),
        }));
        self.check_memory();
    }

    /// W19: little is held but the requests whose responses were not received yet, twice, since this test
    /// holds them as well.
    fn check_memory(&self) {
        let in_use = heap::in_use() - self.heap_before;
        let requests = self.written.requests.iter();
        let most: usize =
            requests.map(|(_, request)| 2 * request.len() + MAX_RESPONSE_OVERHEAD).sum();
        let names: usize = self.written.names.iter().map(|name| name.len() + NAME_OVERHEAD).sum();
        let most = most + names + MAX_BESIDES;
        let how = format_args!("{in_use} bytes are in use, and {most} may be");
        assert!(in_use <= most, "{}", Rule::W19.broken(how));
    }

    /// As the handle does it. A message that it does not look at must not be ours.
    fn on_message_from_widget(&mut self, text: &str) {
        let message = Message::from_widget(text, &self.newest, self.requests);
        let mut is_passed_on = true;
        if is_looked_at_from_widget(text) {
            let disposition = self.machine.on_message_from_widget(|| self.now, text);
            is_passed_on = disposition == Disposition::PassOn;
        } else if !matches!(message, FromWidget::Other | FromWidget::OfAnotherWidget) {
            panic!("{}", Rule::W1.broken(format_args!("the handle does not look at {text}")));
        }
        hold(message.check_passed_on(is_passed_on));
        if let FromWidget::Request(_) = message {
            self.written.requests.push_back((self.requests, text.to_owned()));
            self.requests += 1;
        }
        self.rules.on(rules::Event::WidgetSends(message));
        self.written.forget_answered(&self.rules);
    }

    fn on_message_to_widget(&mut self, text: &str) {
        let read = Message::read(text);
        let message = read.as_ref().map_or(ToWidget::Other, Message::to_widget);
        if !is_looked_at_to_widget(text) {
            return hold(Rule::W1.demands("a message not looked at", ToWidget::Other, message));
        }
        let passed_on = self.machine.on_message_to_widget(text.to_owned());
        let (rule, additions) = self.rules.additions(message);
        if !has_gained(text, &passed_on, message, &additions) {
            panic!("{}", rule.broken(format_args!("{text} becomes {passed_on}")));
        }
        self.rules.on(rules::Event::SdkSends(message));
        if message == ToWidget::Capabilities {
            self.newest.capabilities = read.and_then(|read| read.request_id);
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now.monotonic += span;
        self.now.wall += span;
        self.rules.on(rules::Event::TimePasses(span.as_millis() as Millis));
    }

    fn drive(&mut self) {
        self.machine.handle_timeout(|| self.now);
        self.rules.on(rules::Event::DriverLooks);
        let wants_credentials = self.machine.wants_credentials();
        if self.is_subscribed && !wants_credentials {
            self.machine.on_unsubscribed();
            self.rules.on(rules::Event::Unsubscribed);
        }
        self.is_subscribed = wants_credentials;
    }

    fn receive(&mut self) {
        let received = self.machine.poll_transmit(|| self.now);
        let update = hold(self.rules.client_receives(received.as_deref(), &self.written));
        self.written.forget_answered(&self.rules);
        if update.is_some() {
            let has_its_own_id = update != self.newest.update;
            assert!(has_its_own_id, "{}", Rule::W11.broken("an update has the id of the last"));
            self.newest.update = update;
        }
    }

    /// When the 8 seconds are over, every request has its one response, and little was held.
    fn end(&mut self) {
        self.on(Event::Time(Duration::from_secs(8)));
        self.on(Event::Driver);
        for held in 0.. {
            assert!(held <= Rules::MOST_HELD, "{}", Rule::W19.broken("more messages wait"));
            if !self.machine.has_transmit() {
                break;
            }
            self.receive();
        }
        self.receive();
        hold(Rule::W7.demands("unanswered", 0, self.rules.unanswered().count()));
        self.check();
    }
}

/// The texts of requests, and the names of credentials.
#[derive(Default)]
struct Written {
    requests: VecDeque<(u32, String)>,
    names: Vec<String>,
}

impl Written {
    fn number(&mut self, name: &str) -> Name {
        let known = self.names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        number as Name
    }

    fn forget_answered(&mut self, rules: &Rules) {
        if self.requests.len() > rules.unanswered().count() {
            self.requests.retain(|(id, _)| rules.unanswered().any(|request| request.id == *id));
        }
    }
}

impl Spelling for Written {
    fn widget_id(&self) -> &str {
        WIDGET_ID
    }

    fn request(&self, request: Request) -> String {
        let text = self.requests.iter().find(|(id, _)| *id == request.id);
        text.map(|(_, text)| text.clone()).unwrap_or_default()
    }

    fn credentials(&self, name: Name) -> (Vec<String>, String, String) {
        (vec![State::URI.to_owned()], self.names[name as usize].clone(), MARK.to_owned())
    }
}

/// W1, W2, W5: whether a message stays as it is, except for strings that lists in it gain.
fn has_gained(before: &str, after: &str, message: ToWidget, additions: &[Addition]) -> bool {
    let lists = |text: &str| -> Option<Vec<Vec<String>>> {
        let read = Message::read(text)?;
        let object = match message {
            ToWidget::SupportedApiVersions => read.response?,
            _ => read.data?,
        };
        let fields = Fields::read(object.get().as_bytes())?;
        additions.iter().map(|addition| fields.texts(addition.list)).collect()
    };
    let Some(mut lists_expected) = lists(before) else { return before == after };
    let mut length = before.len();
    for (list, addition) in lists_expected.iter_mut().zip(additions) {
        for item in &addition.items {
            if !list.iter().any(|present| present == item) {
                length += item.len() + 2 + usize::from(!list.is_empty());
                list.push((*item).to_owned());
            }
        }
    }
    let mut rest = after.bytes();
    lists(after) == Some(lists_expected)
        && after.len() == length
        && before.bytes().all(|byte| rest.any(|other| other == byte))
}
