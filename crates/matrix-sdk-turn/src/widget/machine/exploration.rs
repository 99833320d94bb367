//! The machine and the [rules](turn_rules::widget), in every interleaving of what the widget, the SDK,
//! the provider, the service, the driver, the client and the clock can do.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use turn_rules::widget::{
    Action, Event, FromWidget, Identifiers, Millis, Name, News, Request, Rules, Seen, Spelling, To,
    ToWidget, VERSION, request, respond,
};

use super::{Disposition, Machine, Newest, watch::Watch};
use crate::{
    clock::{
        Deadline,
        aging::{Passed, now},
    },
    credentials::TurnServer,
    explore::{Depth, Explored, System, explore, is_full},
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

/// The life of credentials whose life is known: longer than any timeout of the machine.
const LIFE: Millis = 12_000;

/// Divides the timeouts, so that time passes in few steps.
const STEP: Millis = 2_000;

const TURN: Identifiers = Identifiers { unstable: false, stable: true };
const NO_TURN: Identifiers = Identifiers { unstable: false, stable: false };

#[derive(Clone, Copy, Debug)]
enum Step {
    Happens(Event),
    ClientReceives,
    /// Time passes until the machine wants to be looked at. A millisecond before, it has nothing to do.
    TimeoutIsReached,
}

#[derive(Clone)]
struct Widget {
    machine: Machine,
    rules: Rules,
    /// The driver is subscribed to the service.
    is_subscribed: bool,
    is_closed: bool,
    /// How many requests may be unanswered: without a limit, there is no end of states.
    most_unanswered: usize,
}

impl Hash for Widget {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.machine, &self.rules, self.is_subscribed, self.is_closed).hash(state);
    }
}

impl System for Widget {
    type Event = Step;

    fn events(&self) -> Vec<Step> {
        use Event::*;

        let mut events = vec![DriverLooks, TimePasses(STEP)];
        let of_the_sdk =
            [ToWidget::Capabilities, ToWidget::NotifyCapabilities, ToWidget::SupportedApiVersions];
        events.extend(of_the_sdk.map(SdkSends));
        events.extend([true, false].map(|grants| ProviderDecides { grants }));
        if self.is_subscribed {
            let credentials = [(1, Some(LIFE)), (1, Some(0)), (2, None)];
            events
                .extend(credentials.map(|(name, left)| ServiceSays(News::Credentials(name, left))));
            events.extend([News::NoneForNow, News::NoneForGood].map(ServiceSays));
            if self.rules.knows_expiry() {
                events.push(ExpiryMoves(Some(LIFE)));
            }
        }
        if !self.is_closed {
            events.extend(self.messages().into_iter().map(WidgetSends));
            events.push(Closes);
        }
        let mut steps: Vec<_> = events.into_iter().map(Step::Happens).collect();
        steps.push(Step::ClientReceives);
        if self.rules.timeout().1.is_some_and(|timeout| timeout > 0) {
            steps.push(Step::TimeoutIsReached);
        }
        steps
    }

    fn on(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Happens(event) => self.let_happen(event)?,
            Step::ClientReceives => self.client_receives()?,
            Step::TimeoutIsReached => self.reach_the_timeout()?,
        }
        self.check()
    }
}

impl Widget {
    fn new(empty_when_unavailable: bool, most_unanswered: usize) -> Self {
        Self {
            machine: Machine::new("w", empty_when_unavailable),
            rules: Rules::new(empty_when_unavailable),
            is_subscribed: false,
            is_closed: false,
            most_unanswered,
        }
    }

    /// A widget that was granted TURN, or none, and sent `watch` that often.
    fn after(is_granted: bool, watches: usize) -> Self {
        let mut widget = Self::new(false, usize::MAX);
        if is_granted {
            let requested = FromWidget::Capabilities(To::Newest, TURN);
            for event in [
                Event::SdkSends(ToWidget::Capabilities),
                Event::WidgetSends(requested),
                Event::ProviderDecides { grants: true },
            ] {
                widget.on(Step::Happens(event)).unwrap();
            }
        }
        for _ in 0..watches {
            let watch = FromWidget::Request(widget.next_request(Action::Watch));
            widget.on(Step::Happens(Event::WidgetSends(watch))).unwrap();
        }
        // Room for a few more requests.
        widget.most_unanswered = watches + 3;
        widget
    }

    fn messages(&self) -> Vec<FromWidget> {
        use FromWidget::*;

        let mut messages = vec![PageLoaded, OfAnotherWidget, Capabilities(To::Another, TURN)];
        messages.extend([To::Newest, To::Another].map(Acknowledgement));
        messages.extend([TURN, NO_TURN].map(|requested| Capabilities(To::Newest, requested)));
        if self.rules.unanswered().count() < self.most_unanswered {
            let actions = [Action::Watch, Action::Unwatch];
            messages.extend(actions.map(|action| Request(self.next_request(action))));
        }
        messages
    }

    /// A request with a number that no unanswered one has.
    fn next_request(&self, action: Action) -> Request {
        let is_free = |id: &u32| self.rules.unanswered().all(|request| request.id != *id);
        Request { id: (0..).find(is_free).unwrap(), action }
    }

    fn let_happen(&mut self, event: Event) -> Result<(), String> {
        let foreign_action =
            if self.rules.wants_credentials() { Action::Unwatch } else { Action::Watch };
        self.rules.on(event);
        match event {
            Event::WidgetSends(message) => {
                let text = written(message, foreign_action);
                let disposition = self.machine.on_message_from_widget(now, &text);
                message.check_passed_on(disposition == Disposition::PassOn)?;
            }
            Event::SdkSends(message) => self.sdk_sends(message)?,
            Event::ProviderDecides { grants } => self.machine.on_decision(now, grants),
            Event::ServiceSays(news) => self.machine.on_turn_state(now(), state(news)),
            Event::ExpiryMoves(valid_for) => {
                if let Newest::Known(TurnState::Available(server)) = &mut self.machine.newest {
                    *server = server.expiring(valid_for.map(after));
                }
            }
            Event::Unsubscribed => self.machine.on_unsubscribed(),
            Event::DriverLooks => self.driver_looks()?,
            Event::Closes => {
                self.is_closed = true;
                self.machine.close();
            }
            Event::TimePasses(span) => {
                self.machine.age(Passed::regularly(Duration::from_millis(span)));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let timeout = self.machine.poll_timeout().map(|timeout| timeout - now().monotonic);
        self.rules.check(Seen {
            is_turn_requested: self.machine.is_turn_requested(),
            wants_credentials: self.machine.wants_credentials(),
            wants_state: self.machine.wants_state(),
            timeout: timeout.map(|timeout| timeout.as_millis() as Millis),
            has_message: self.machine.has_transmit(),
        })
    }

    fn sdk_sends(&mut self, message: ToWidget) -> Result<(), String> {
        let (rule, additions) = self.rules.additions(message);
        let list = |name: &str| {
            let added = additions.iter().find(|addition| addition.list == name);
            let items = added.into_iter().flat_map(|addition| &addition.items);
            let items = items.map(|item| format!(r#","{item}""#));
            format!(r#""{name}":["x"{}]"#, items.collect::<String>())
        };
        let plain = |name: &str| format!(r#""{name}":["x"]"#);
        let written = |list: &dyn Fn(&str) -> String| match message {
            ToWidget::NotifyCapabilities => {
                let data = format!("{{{},{}}}", list("requested"), list("approved"));
                request("toWidget", "w", "2", "notify_capabilities", &data)
            }
            ToWidget::SupportedApiVersions => {
                let asked = request("fromWidget", "w", "3", "supported_api_versions", "{}");
                respond(&asked, &format!("{{{}}}", list("supported_versions")))
            }
            ToWidget::Capabilities => request("toWidget", "w", "sdk", "capabilities", "{}"),
            ToWidget::Other => request("toWidget", "w", "4", "send_event", "{}"),
        };
        let passed_on = self.machine.on_message_to_widget(written(&plain));
        rule.demands("the message", written(&list), passed_on)
    }

    fn driver_looks(&mut self) -> Result<(), String> {
        self.machine.handle_timeout(now);
        self.rules.check_subscription(self.machine.wants_credentials())?;
        if self.is_subscribed && !self.rules.wants_credentials() {
            self.let_happen(Event::Unsubscribed)?;
        }
        self.is_subscribed = self.rules.wants_credentials();
        Ok(())
    }

    fn client_receives(&mut self) -> Result<(), String> {
        let received = self.machine.poll_transmit(now);
        self.rules.client_receives(received.as_deref(), &Written)?;
        // The update gets the id of the only one.
        self.let_happen(Event::TimePasses(0))
    }

    fn reach_the_timeout(&mut self) -> Result<(), String> {
        let timeout = self.rules.timeout().1.unwrap_or_default();
        let mut just_before = self.clone();
        just_before.let_happen(Event::TimePasses(timeout - 1))?;
        just_before.driver_looks()?;
        just_before.check()?;
        self.let_happen(Event::TimePasses(timeout))
    }
}

impl Machine {
    /// As it is once time has passed.
    fn age(&mut self, by: Passed) {
        self.delivery.age(by);
        match &mut self.watch {
            Watch::No => {}
            Watch::Expected { until } | Watch::Pending { until, .. } => {
                *until = (*until - by.monotonic).max(now().monotonic);
            }
            Watch::Yes { last_update } => last_update.forget_expiry(),
        }
        if let Newest::Known(TurnState::Available(server)) = &mut self.newest {
            *server = server.aged(by);
        }
    }
}

/// How this exploration writes messages.
struct Written;

impl Spelling for Written {
    fn widget_id(&self) -> &str {
        "w"
    }

    fn request(&self, Request { id, action }: Request) -> String {
        request("fromWidget", "w", &id.to_string(), action.name(), r#"{"y":1}"#)
    }

    fn credentials(&self, name: Name) -> (Vec<String>, String, String) {
        (vec!["turn:a".to_owned()], format!("user-{name}"), "p".to_owned())
    }
}

/// `foreign_action`: what another widget requests.
fn written(message: FromWidget, foreign_action: Action) -> String {
    let response = |action, id: &str, response: &str| {
        respond(&request("toWidget", "w", id, action, "{}"), response)
    };
    match message {
        FromWidget::OfAnotherWidget => {
            request("fromWidget", "another", "1", foreign_action.name(), "{}")
        }
        FromWidget::Request(request) => Written.request(request),
        FromWidget::Acknowledgement(to) => {
            let number = if to == To::Newest { 1 } else { 0 };
            response("update_turn_servers", &format!("{VERSION}.{number}"), "{}")
        }
        FromWidget::PageLoaded => request("fromWidget", "w", "7", "content_loaded", "{}"),
        FromWidget::Capabilities(to, requested) => {
            let id = if to == To::Newest { "sdk" } else { "another" };
            let turn = if requested == TURN { r#","m.turn_servers""# } else { "" };
            response("capabilities", id, &format!(r#"{{"capabilities":["x"{turn}]}}"#))
        }
        FromWidget::Other => request("fromWidget", "w", "7", "send_event", "{}"),
    }
}

fn after(span: Millis) -> Deadline {
    Deadline::after(now(), Duration::from_millis(span))
}

fn state(news: News) -> TurnState {
    match news {
        News::Credentials(name, valid_for) => {
            let (uris, username, password) = Written.credentials(name);
            let server = TurnServer::new(uris, username, password);
            TurnState::Available(server.expiring(valid_for.map(after)))
        }
        News::NoneForNow => TurnState::Unavailable(UnavailableReason::Unreachable.into()),
        News::NoneForGood => {
            TurnState::Unavailable(Unavailable::new(UnavailableReason::NotConfigured))
        }
    }
}

fn explored(start: Widget, short: (usize, usize), full: Explored) {
    let expected = if is_full() {
        full
    } else {
        let (depth, states) = short;
        Explored { states, depth: Depth::UpTo(depth) }
    };
    let most = match expected.depth {
        Depth::UpTo(depth) => depth,
        Depth::All(_) => usize::MAX,
    };
    assert_eq!(explore(start, most), expected);
}

/// With up to two unanswered requests, the full exploration finds all states.
#[test]
fn w02_to_w21_every_interleaving() {
    let full = Explored { states: 846_688, depth: Depth::All(34) };
    explored(Widget::new(false, 2), (13, 49_780), full);
}

#[test]
fn w13_every_interleaving_with_empty_lists() {
    let full = Explored { states: 70_224, depth: Depth::All(26) };
    explored(Widget::new(true, 1), (14, 16_745), full);
}

/// At the limits of what the machine holds for a widget.
#[test]
fn w19_every_interleaving_of_a_flood() {
    let pending = Explored { states: 87_273, depth: Depth::UpTo(8) };
    explored(Widget::after(true, 14), (6, 9_477), pending);

    let refused = Explored { states: 16_225, depth: Depth::UpTo(8) };
    explored(Widget::after(false, 62), (6, 2_297), refused);
}
