//! The machine against its [model](super::model), in every interleaving of what the widget, the SDK,
//! the provider, the service, the driver, the client and the clock can do.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use super::{
    Disposition, Machine, Newest,
    model::{self, Answer, Message, Millis, Model, News, Request},
    watch::Watch,
};
use crate::{
    clock::{
        Deadline,
        aging::{Passed, now},
    },
    credentials::TurnServer,
    explore::{Depth, Explored, System, explore, same},
    state::TurnState,
    unavailable::{Unavailable, UnavailableReason},
};

/// How long credentials hold whose life is known: beyond any timeout of the machine's.
const LIFE: Millis = 12_000;

/// Divides the timeouts, so that time passes in few steps.
const STEP: Millis = 2_000;

#[derive(Clone, Copy, Debug)]
enum Event {
    WidgetWatches,
    WidgetUnwatches,
    WidgetAcknowledges,
    /// Another update than the one in flight.
    WidgetAcknowledgesAnother,
    PageLoads,
    WidgetRequests {
        turn: bool,
    },
    /// A response to a request that the SDK never sent.
    WidgetForges,
    AnotherWidgetSends,
    SdkAsks,
    /// Which capabilities were requested and approved.
    SdkTells,
    ProviderDecides {
        grants: bool,
    },
    ServiceSays(News),
    ExpiryMoves,
    DriverLooks,
    ClientReceives,
    /// The handle or the driver is dropped.
    LinkCloses,
    TimePasses,
    /// Time passes until the machine wants to be looked at. A moment before, it has nothing to do.
    TimeoutIsReached,
}

#[derive(Clone)]
struct Widget {
    machine: Machine,
    model: Model,
    /// The driver is subscribed to what the service says.
    is_subscribed: bool,
    is_closed: bool,
    /// How many requests may be unanswered: else there is no end of states.
    most_unanswered: usize,
}

impl Hash for Widget {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.machine, &self.model, self.is_subscribed, self.is_closed).hash(state);
    }
}

impl System for Widget {
    type Event = Event;

    fn events(&self) -> Vec<Event> {
        use Event::*;

        let mut events = vec![SdkAsks, SdkTells, DriverLooks, ClientReceives, TimePasses];
        events.extend([true, false].map(|grants| ProviderDecides { grants }));
        if self.model.timeout().is_some_and(|timeout| timeout > 0) {
            events.push(TimeoutIsReached);
        }
        // Once the driver notices that nobody wants states, they stop.
        if self.is_subscribed {
            let credentials = [(1, Some(LIFE)), (1, Some(0)), (2, None)];
            events
                .extend(credentials.map(|(name, left)| ServiceSays(News::Credentials(name, left))));
            events.extend([News::NoneForNow, News::NoneForGood].map(ServiceSays));
            events.push(ExpiryMoves);
        }
        if self.is_closed {
            return events;
        }
        if self.model.unanswered().count() < self.most_unanswered {
            events.extend([WidgetWatches, WidgetUnwatches]);
        }
        events.extend([WidgetAcknowledges, WidgetAcknowledgesAnother, PageLoads, LinkCloses]);
        events.extend([true, false].map(|turn| WidgetRequests { turn }));
        events.extend([WidgetForges, AnotherWidgetSends]);
        events
    }

    fn on(&mut self, event: Event) -> Result<(), String> {
        self.let_happen(event)?;
        self.compare()
    }
}

impl Widget {
    fn new(empty_when_unavailable: bool, most_unanswered: usize) -> Self {
        Self {
            machine: Machine::new("w", empty_when_unavailable),
            model: Model::new(empty_when_unavailable),
            is_subscribed: false,
            is_closed: false,
            most_unanswered,
        }
    }

    /// After these events, with room for a few more requests.
    fn after(events: impl IntoIterator<Item = Event>) -> Self {
        let mut widget = Self::new(false, usize::MAX);
        for event in events {
            widget.on(event).unwrap();
        }
        widget.most_unanswered = widget.model.unanswered().count() + 3;
        widget
    }

    fn let_happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::WidgetWatches => self.widget_asks(true)?,
            Event::WidgetUnwatches => self.widget_asks(false)?,
            Event::WidgetAcknowledges => self.widget_acknowledges(true)?,
            Event::WidgetAcknowledgesAnother => self.widget_acknowledges(false)?,
            Event::PageLoads => self.page_loads()?,
            Event::WidgetRequests { turn } => self.widget_requests(turn)?,
            Event::WidgetForges => self.widget_forges()?,
            Event::AnotherWidgetSends => self.another_widget_sends()?,
            Event::SdkAsks => self.sdk_asks()?,
            Event::SdkTells => self.sdk_tells()?,
            Event::ProviderDecides { grants } => {
                self.model.on(model::Event::ProviderDecides { grants });
                self.machine.on_decision(now, grants);
            }
            Event::ServiceSays(news) => {
                self.model.on(model::Event::ServiceSays(news));
                self.machine.on_turn_state(now(), state(news));
            }
            Event::ExpiryMoves => self.expiry_moves()?,
            Event::DriverLooks => self.driver_looks(),
            Event::ClientReceives => self.client_receives()?,
            Event::LinkCloses => {
                self.is_closed = true;
                self.model.on(model::Event::Closes);
                self.machine.close();
            }
            Event::TimePasses => self.pass(STEP),
            Event::TimeoutIsReached => self.reach_the_timeout()?,
        }
        Ok(())
    }

    fn compare(&self) -> Result<(), String> {
        let (machine, model) = (&self.machine, &self.model);
        let timeout = machine.poll_timeout().map(|timeout| timeout - now().monotonic);
        same("is TURN requested", machine.is_turn_requested(), model.is_turn_requested())?;
        same("are credentials wanted", machine.wants_credentials(), model.wants_credentials())?;
        same("is the state wanted", machine.wants_state(), model.wants_state())?;
        same("the timeout", timeout, model.timeout().map(Duration::from_millis))?;
        // An update that has expired counts as one until it is asked for.
        let has_message = machine.clone().poll_transmit(now).is_some();
        same("is there a message", has_message, model.has_message())?;
        same("is it told", machine.has_transmit() || !has_message, true)
    }

    /// The request that the widget sends next: with a number that no unanswered one has.
    fn next_request(&self, is_watch: bool) -> Request {
        let is_free = |id: &u8| self.model.unanswered().all(|request| request.id != *id);
        Request { id: (0..=u8::MAX).find(is_free).unwrap(), is_watch }
    }

    fn widget_asks(&mut self, is_watch: bool) -> Result<(), String> {
        let request = self.next_request(is_watch);
        self.model.on(model::Event::Sends(request));
        self.widget_sends(&written(request), Disposition::Consumed)
    }

    fn widget_acknowledges(&mut self, is_the_last: bool) -> Result<(), String> {
        if is_the_last {
            self.model.on(model::Event::Acknowledges);
        }
        let update = if is_the_last { "town.robin.msc3846.1" } else { "town.robin.msc3846.0" };
        let acknowledgement = response("update_turn_servers", update, "{}");
        self.widget_sends(&acknowledgement, Disposition::Consumed)
    }

    fn page_loads(&mut self) -> Result<(), String> {
        self.model.on(model::Event::PageLoads);
        let loaded = message("fromWidget", "w", "7", "content_loaded", "");
        self.widget_sends(&loaded, Disposition::PassOn)
    }

    fn widget_requests(&mut self, turn: bool) -> Result<(), String> {
        self.model.on(model::Event::WidgetRequests { turn });
        let capabilities = if turn { r#"["x","m.turn_servers"]"# } else { r#"["x"]"# };
        let capabilities = format!(r#"{{"capabilities":{capabilities}}}"#);
        self.widget_sends(&response("capabilities", "sdk", &capabilities), Disposition::PassOn)
    }

    fn widget_forges(&mut self) -> Result<(), String> {
        let turn = r#"{"capabilities":["m.turn_servers"]}"#;
        self.widget_sends(&response("capabilities", "another", turn), Disposition::PassOn)
    }

    /// What would matter if this widget sent it.
    fn another_widget_sends(&mut self) -> Result<(), String> {
        let watches = self.model.wants_credentials();
        let action = if watches { "unwatch_turn_servers" } else { "watch_turn_servers" };
        let foreign = message("fromWidget", "another", "1", action, "");
        self.widget_sends(&foreign, Disposition::PassOn)
    }

    fn widget_sends(&mut self, message: &str, expected: Disposition) -> Result<(), String> {
        same(message, self.machine.on_message_from_widget(now, message), expected)
    }

    fn sdk_sends(&mut self, message: &str, expected: &str) -> Result<(), String> {
        let passed_on = self.machine.on_message_to_widget(message.to_owned());
        same(message, &*passed_on, expected)
    }

    fn sdk_asks(&mut self) -> Result<(), String> {
        self.model.on(model::Event::SdkAsks);
        let request = message("toWidget", "w", "sdk", "capabilities", "");
        self.sdk_sends(&request, &request)
    }

    fn sdk_tells(&mut self) -> Result<(), String> {
        let turn = |is_in| if is_in { r#"["x","m.turn_servers"]"# } else { r#"["x"]"# };
        let notify = |(requested, approved)| {
            let lists =
                format!(r#","requested":{},"approved":{}"#, turn(requested), turn(approved));
            message("toWidget", "w", "2", "notify_capabilities", &lists)
        };
        let negotiated = self.model.negotiated().unwrap_or_default();
        self.sdk_sends(&notify((false, false)), &notify(negotiated))
    }

    fn expiry_moves(&mut self) -> Result<(), String> {
        if self.model.is_expiry_known() {
            self.model.expiry_moves(Some(LIFE));
            let Newest::Known(TurnState::Available(server)) = &mut self.machine.newest else {
                return Err("the credentials are forgotten".to_owned());
            };
            *server = credentials(1, Some(LIFE));
        }
        Ok(())
    }

    fn driver_looks(&mut self) {
        self.model.on(model::Event::DriverLooks);
        self.machine.handle_timeout(now);
        let wants_credentials = self.machine.wants_credentials();
        if self.is_subscribed && !wants_credentials {
            self.model.on(model::Event::Unsubscribed);
            self.machine.on_unsubscribed();
        }
        self.is_subscribed = wants_credentials;
    }

    fn client_receives(&mut self) -> Result<(), String> {
        let expected = self.model.receive();
        let id = self.machine.delivery.sent() + 1;
        let received = self.machine.poll_transmit(now);
        let expected = expected.map(|message| match message {
            Message::Response(request, answer) => answered(&written(request), worded(answer)),
            Message::Update(name) => update(id, name),
        });
        // Its id, as that of the only one.
        self.pass(0);
        same("the message", received, expected)
    }

    fn reach_the_timeout(&mut self) -> Result<(), String> {
        let timeout = self.model.timeout().unwrap_or_default();
        let mut just_before = self.clone();
        just_before.pass(timeout - 1);
        just_before.driver_looks();
        just_before.compare()?;
        self.pass(timeout);
        Ok(())
    }

    fn pass(&mut self, span: Millis) {
        self.model.time_passes(span);
        self.machine.age(Passed::regularly(Duration::from_millis(span)));
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

fn credentials(name: u8, valid_for: Option<Millis>) -> TurnServer {
    let server = TurnServer::new(vec!["turn:a".to_owned()], format!("user-{name}"), "p");
    server.expiring(valid_for.map(|left| Deadline::after(now(), Duration::from_millis(left))))
}

fn state(news: News) -> TurnState {
    match news {
        News::Credentials(name, valid_for) => TurnState::Available(credentials(name, valid_for)),
        News::NoneForNow => TurnState::Unavailable(UnavailableReason::Unreachable.into()),
        News::NoneForGood => {
            TurnState::Unavailable(Unavailable::new(UnavailableReason::NotConfigured))
        }
    }
}

/// A message of the widget API, with some more in its data.
fn message(api: &str, widget_id: &str, id: &str, action: &str, data: &str) -> String {
    format!(
        r#"{{"api":"{api}","widgetId":"{widget_id}","requestId":"{id}","action":"{action}","data":{{"y":1{data}}}}}"#
    )
}

fn written(Request { id, is_watch }: Request) -> String {
    let action = if is_watch { "watch_turn_servers" } else { "unwatch_turn_servers" };
    message("fromWidget", "w", &id.to_string(), action, "")
}

/// The widget's response to a request of the client's.
fn response(action: &str, id: &str, response: &str) -> String {
    answered(&message("toWidget", "w", id, action, ""), response)
}

/// W17: the request with a response.
fn answered(request: &str, response: &str) -> String {
    format!(r#"{},"response":{response}}}"#, request.strip_suffix('}').unwrap())
}

fn worded(answer: Answer) -> &'static str {
    match answer {
        Answer::Success => "{}",
        Answer::NotNegotiated => {
            r#"{"error":{"message":"Received TURN servers request before capabilities were negotiated"}}"#
        }
        Answer::NotAllowed => {
            r#"{"error":{"message":"Not allowed: missing the town.robin.msc3846.turn_servers capability."}}"#
        }
        Answer::Unavailable => {
            r#"{"error":{"message":"the homeserver offers no TURN server: its administrator has to configure one"}}"#
        }
        Answer::TooMany => {
            r#"{"error":{"message":"Too many TURN servers requests are not answered yet"}}"#
        }
    }
}

/// W12.
fn update(id: u64, name: Option<u8>) -> String {
    let data = match name {
        Some(name) => format!(r#"{{"uris":["turn:a"],"username":"user-{name}","password":"p"}}"#),
        None => r#"{"uris":[],"username":"","password":""}"#.to_owned(),
    };
    format!(
        r#"{{"api":"toWidget","widgetId":"w","requestId":"town.robin.msc3846.{id}","action":"update_turn_servers","data":{data}}}"#
    )
}

const GRANTED: [Event; 3] =
    [Event::SdkAsks, Event::WidgetRequests { turn: true }, Event::ProviderDecides { grants: true }];

/// However often the widget asks, up to two requests at a time: there is no other state than these.
#[test]
fn w03_to_w20_every_interleaving() {
    let explored = explore(Widget::new(false, 2), usize::MAX);
    assert_eq!(explored, Explored { states: 337_976, depth: Depth::All(31) });
}

#[test]
fn w13_every_interleaving_with_empty_lists() {
    let explored = explore(Widget::new(true, 1), usize::MAX);
    assert_eq!(explored, Explored { states: 33_816, depth: Depth::All(28) });
}

/// At the limits of what is held for a widget.
#[test]
fn w19_every_interleaving_of_a_flood() {
    let pending = GRANTED.into_iter().chain([Event::WidgetWatches; 14]);
    let explored = explore(Widget::after(pending), 8);
    assert_eq!(explored, Explored { states: 84_304, depth: Depth::UpTo(8) });

    let refused = explore(Widget::after([Event::WidgetWatches; 62]), 8);
    assert_eq!(refused, Explored { states: 13_061, depth: Depth::UpTo(8) });
}
