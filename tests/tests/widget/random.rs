//! W4 to W20: random sequences of events, longer than the explored ones, through the real driver and
//! service, checked with the same rules. At the end of each, the handle or the driver is dropped.

use std::{collections::HashSet, future::pending};

use futures::FutureExt;
use matrix_sdk::Room;
use matrix_sdk_turn::{
    RefreshPolicy, Timestamp, TurnServer, TurnServerCapability, TurnServerSource, TurnService,
    TurnState, TurnStates, UnavailableReason, async_trait,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tests::{
    homeserver::Homeserver,
    source::{Outcome, available_for, unavailable},
    widget::{Provider, TURN, WIDGET_ID, Widget},
};
use tokio::{
    sync::watch,
    task::yield_now,
    time::{sleep, timeout},
};

use turn_rules::widget::{
    self as rules, Action, FromWidget, Identifiers, Millis, Name, News, Request, Rules, Spelling,
    To, ToWidget,
};

use super::seconds;

/// What the homeserver answers from now on.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    Credentials { name: u8, is_life_known: bool },
    Unreachable,
    NotConfigured,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Watches,
    Unwatches,
    Acknowledges,
    AcknowledgesAnother,
    PageLoads,
    ClientReceives,
    Homeserver(Says),
    HalfSecondsPass(u8),
}

/// An event, and whether the next one comes before anybody else did anything.
type Step = (Event, bool);

fn step() -> impl Strategy<Value = Step> {
    let says = prop_oneof![
        1 => Just(Says::Nothing),
        4 => (1..4_u8, any::<bool>())
            .prop_map(|(name, is_life_known)| Says::Credentials { name, is_life_known }),
        1 => Just(Says::Unreachable),
        1 => Just(Says::NotConfigured),
    ];
    let event = prop_oneof![
        4 => Just(Event::Watches),
        2 => Just(Event::Unwatches),
        3 => Just(Event::Acknowledges),
        1 => Just(Event::AcknowledgesAnother),
        2 => Just(Event::PageLoads),
        12 => Just(Event::ClientReceives),
        3 => says.prop_map(Event::Homeserver),
        4 => (1..40_u8).prop_map(Event::HalfSecondsPass),
    ];
    (event, prop::bool::weighted(0.2))
}

/// What is dropped first.
#[derive(Clone, Copy, Debug)]
enum End {
    Handle,
    Driver,
}

/// Answers every request like this.
#[derive(Debug)]
struct Source(watch::Receiver<Says>);

#[async_trait]
impl TurnServerSource for Source {
    async fn fetch(&self) -> Outcome {
        let mut says = self.0.clone();
        let is_answer = |says: &Says| !matches!(says, Says::Nothing);
        let Ok(says) = says.wait_for(is_answer).await else { return pending().await };
        match *says {
            Says::Credentials { name, is_life_known } => {
                available_for(&name.to_string(), seconds(if is_life_known { 30 } else { 0 }))
            }
            Says::NotConfigured => unavailable(UnavailableReason::NotConfigured),
            Says::Nothing | Says::Unreachable => unavailable(UnavailableReason::Unreachable),
        }
    }
}

/// A widget, and what the rules know of it.
struct Pair {
    widget: Widget,
    rules: Rules,
    turn: TurnService,
    says: watch::Sender<Says>,
    /// What the driver is told as long as it is subscribed, and the newest of it.
    states: Option<TurnStates>,
    newest: Option<TurnState>,
    update_in_flight: Option<Value>,
    update_ids: HashSet<String>,
    requests: u32,
}

impl Pair {
    async fn start(room: Room, (grants, empty, seed): (bool, bool, u64)) -> Self {
        let (says, receiver) = watch::channel(Says::Nothing);
        let policy = RefreshPolicy::builder().floor(seconds(1)).build().unwrap();
        let turn = TurnService::builder(Source(receiver)).policy(policy).seed(seed).build();
        let capability =
            TurnServerCapability::new(turn.clone()).empty_update_when_unavailable(empty);
        let provider = if grants { Provider::Grant } else { Provider::Deny };
        let mut widget = Widget::start(&capability, room, provider);
        widget.negotiate(&[TURN]).await;

        let mut rules = Rules::new(empty);
        let requested = Identifiers::among(&[TURN]);
        for event in [
            rules::Event::WidgetSends(FromWidget::PageLoaded),
            rules::Event::SdkSends(ToWidget::Capabilities),
            rules::Event::WidgetSends(FromWidget::Capabilities(To::Newest, requested)),
            rules::Event::ProviderDecides { grants },
        ] {
            rules.on(event);
        }
        Self {
            widget,
            rules,
            turn,
            says,
            states: None,
            newest: None,
            update_in_flight: None,
            update_ids: HashSet::new(),
            requests: 0,
        }
    }

    async fn on(&mut self, (event, is_hasty): Step) -> Result<(), TestCaseError> {
        match event {
            Event::Watches => self.asks(Action::Watch).await,
            Event::Unwatches => self.asks(Action::Unwatch).await,
            Event::Acknowledges => {
                if let Some(update) = self.update_in_flight.take() {
                    self.widget.respond(update, json!({})).await;
                    self.sent(FromWidget::Acknowledgement(To::Newest));
                }
            }
            Event::AcknowledgesAnother => {
                let update = json!({
                    "api": "toWidget",
                    "widgetId": WIDGET_ID,
                    "requestId": "another",
                    "action": "update_turn_servers",
                    "data": {},
                });
                self.widget.respond(update, json!({})).await;
                self.sent(FromWidget::Acknowledgement(To::Another));
            }
            Event::PageLoads => {
                self.widget.request("content_loaded").await;
                self.sent(FromWidget::PageLoaded);
            }
            Event::ClientReceives => self.client_receives().await?,
            Event::Homeserver(says) => {
                // The rules do not say whether the driver subscribes before or after that.
                self.settle().await;
                self.says.send_replace(says);
                match self.turn.status().state.and(self.held()) {
                    Some(held) => self.turn.report_rejected(&held),
                    None => _ = self.turn.refresh(),
                }
            }
            Event::HalfSecondsPass(times) => {
                for _ in 0..times {
                    self.settle().await;
                    sleep(seconds(1) / 2).await;
                    self.rules.on(rules::Event::TimePasses(500));
                    self.settle().await;
                }
            }
        }
        if !is_hasty || matches!(event, Event::Homeserver(_)) {
            self.settle().await;
            // One subscriber is this test. The driver has to be the other.
            let ours = usize::from(self.states.is_some());
            let is_subscribed = self.turn.status().subscribers > ours;
            self.rules.check_subscription(is_subscribed).map_err(TestCaseError::fail)?;
        }
        Ok(())
    }

    /// W20: the subscription ends at once, and responses are still received while there is a handle.
    async fn ends(mut self, end: End) -> Result<(), TestCaseError> {
        self.states = None;
        self.rules.on(rules::Event::Closes);
        match end {
            End::Handle => {
                drop(self.widget.handle);
                let_others_run().await;
                let is_subscribed = self.turn.status().subscribers > 0;
                self.rules.check_subscription(is_subscribed).map_err(TestCaseError::fail)?;
                let ended = timeout(seconds(11), self.widget.driver).await;
                prop_assert_eq!(ended.expect("the driver ends").unwrap(), Err(()));
            }
            End::Driver => {
                self.widget.driver.abort();
                let_others_run().await;
                let is_subscribed = self.turn.status().subscribers > 0;
                self.rules.check_subscription(is_subscribed).map_err(TestCaseError::fail)?;
                while self.rules.has_message() {
                    self.client_receives().await?;
                }
                while let Some(of_the_sdk) = self.widget.handle.recv().await {
                    prop_assert!(!of_the_sdk.contains("turn_servers"), "{of_the_sdk}");
                }
            }
        }
        Ok(())
    }

    fn held(&self) -> Option<TurnServer> {
        self.newest.as_ref()?.available().cloned()
    }

    /// All tasks do what there is to do.
    async fn settle(&mut self) {
        for _ in 0..3 {
            let_others_run().await;
            self.learn();
            self.rules.on(rules::Event::DriverLooks);
            match (self.rules.wants_credentials(), &self.states) {
                (true, None) => self.states = Some(self.turn.subscribe()),
                (false, Some(_)) => {
                    (self.states, self.newest) = (None, None);
                    self.rules.on(rules::Event::Unsubscribed);
                }
                _ => {}
            }
        }
    }

    /// Tells the rules the states that the driver gets.
    fn learn(&mut self) {
        let Some(states) = &mut self.states else { return };
        while let Some(Some(state)) = states.next().now_or_never() {
            self.rules.on(rules::Event::ServiceSays(news(&state)));
            self.newest = Some(state);
        }
        if self.rules.wants_state()
            && let Some(state) = self.turn.state()
        {
            self.rules.on(rules::Event::ServiceSays(news(&state)));
        }
        if let Some(held) = self.held() {
            self.rules.on(rules::Event::ExpiryMoves(life(&held)));
        }
    }

    /// Skips the SDK's messages.
    async fn client_receives(&mut self) -> Result<(), TestCaseError> {
        let received = loop {
            let received = self.widget.handle.recv().now_or_never().flatten();
            let Some(received) = received else { break None };
            if received.contains("turn_servers\",\"data\"") {
                break Some(received);
            }
        };
        let update = self.rules.client_receives(received.as_deref(), &Written);
        if let Some(id) = update.map_err(TestCaseError::fail)? {
            prop_assert!(self.update_ids.insert(id), "W11: an update has an id of its own");
            self.update_in_flight = Some(serde_json::from_str(&received.unwrap()).unwrap());
        }
        Ok(())
    }

    async fn asks(&mut self, action: Action) {
        self.requests += 1;
        let request = Request { id: self.requests, action };
        self.widget.send(Written.request(request)).await;
        self.sent(FromWidget::Request(request));
    }

    fn sent(&mut self, message: FromWidget) {
        self.rules.on(rules::Event::WidgetSends(message));
    }
}

/// How this test writes messages.
struct Written;

impl Spelling for Written {
    fn widget_id(&self) -> &str {
        WIDGET_ID
    }

    fn request(&self, Request { id, action }: Request) -> String {
        rules::request("fromWidget", WIDGET_ID, &id.to_string(), action.name(), "{}")
    }

    fn credentials(&self, name: Name) -> (Vec<String>, String, String) {
        let uris = vec!["turn:turn.example.org:3478?transport=udp".to_owned()];
        (uris, name.to_string(), "turn-s3cret".to_owned())
    }
}

async fn let_others_run() {
    for _ in 0..20 {
        yield_now().await;
    }
}

fn news(state: &TurnState) -> News {
    match (state.available(), state.unavailable()) {
        (Some(server), _) => News::Credentials(server.username().parse().unwrap(), life(server)),
        (None, Some(why)) if !why.reason().is_transient() => News::NoneForGood,
        _ => News::NoneForNow,
    }
}

fn life(server: &TurnServer) -> Option<Millis> {
    let valid_for = server.valid_for(Timestamp::now())?;
    Some(valid_for.as_millis().try_into().unwrap())
}

#[test]
fn w04_to_w20_random_sequences() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_homeserver, room) = runtime.block_on(async {
        let homeserver = Homeserver::start().await;
        let room = homeserver.room().await;
        tokio::time::pause();
        (homeserver, room)
    });
    // PROPTEST_RNG_SEED chooses other sequences, and PROPTEST_CASES how many.
    let config = Config { failure_persistence: None, ..Config::default() };
    let widget = (prop::bool::weighted(0.95), any::<bool>(), any::<u64>());
    let end = prop_oneof![Just(End::Handle), Just(End::Driver)];
    let sequence = (widget, vec(step(), 0..60), end);
    let outcome = TestRunner::new(config).run(&sequence, |(widget, steps, end)| {
        runtime.block_on(async {
            let mut pair = Pair::start(room.clone(), widget).await;
            for step in steps {
                pair.on(step).await?;
            }
            pair.ends(end).await
        })
    });
    outcome.unwrap();
}
