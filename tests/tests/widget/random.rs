//! W6 to W20: random sequences of events, longer than what is explored in every interleaving, through
//! the real driver and service, against the same model as the machine. Each goes on to the end of the
//! handle or of the driver.

#[allow(dead_code, reason = "not all of it can happen through the SDK's driver")]
#[path = "../../../crates/matrix-sdk-turn/src/widget/machine/model/mod.rs"]
mod model;

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
    widget::{Provider, TURN, WIDGET_ID, Widget, request},
};
use tokio::{
    sync::watch,
    task::yield_now,
    time::{sleep, timeout},
};

use self::model::{Answer, Message, Millis, Model, News, Request};
use super::{NOT_ALLOWED, UNWATCH, WATCH, seconds};

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

/// A widget and its model.
struct Pair {
    widget: Widget,
    model: Model,
    turn: TurnService,
    says: watch::Sender<Says>,
    /// What the driver is told as long as it is subscribed, and the newest of it.
    states: Option<TurnStates>,
    newest: Option<TurnState>,
    update_in_flight: Option<Value>,
    update_ids: HashSet<String>,
    requests: u8,
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

        let mut model = Model::new(empty);
        // That its page has loaded is how the negotiation began.
        model.on(model::Event::PageLoads);
        model.on(model::Event::SdkAsks);
        model.on(model::Event::WidgetRequests { turn: true });
        model.on(model::Event::ProviderDecides { grants });
        Self {
            widget,
            model,
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
            Event::Watches => self.asks(true).await,
            Event::Unwatches => self.asks(false).await,
            Event::Acknowledges => {
                if let Some(update) = self.update_in_flight.take() {
                    self.widget.respond(update, json!({})).await;
                    self.model.on(model::Event::Acknowledges);
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
            }
            Event::PageLoads => {
                self.widget.request("content_loaded").await;
                self.model.on(model::Event::PageLoads);
            }
            Event::ClientReceives => self.client_receives().await?,
            Event::Homeserver(says) => {
                // Whether the driver subscribes before or after that is not the model's to know.
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
                    self.model.time_passes(500);
                    self.settle().await;
                }
            }
        }
        if !is_hasty || matches!(event, Event::Homeserver(_)) {
            self.settle().await;
            // The driver, and the one that tells the model what the driver is told.
            let subscribers = if self.model.wants_credentials() { 2 } else { 0 };
            prop_assert_eq!(self.turn.status().subscribers, subscribers);
        }
        Ok(())
    }

    /// W20: the subscription ends at once, and responses are still received while there is a handle.
    async fn ends(mut self, end: End) -> Result<(), TestCaseError> {
        self.states = None;
        self.model.on(model::Event::Closes);
        match end {
            End::Handle => {
                drop(self.widget.handle);
                let_others_run().await;
                prop_assert_eq!(self.turn.status().subscribers, 0);
                let ended = timeout(seconds(11), self.widget.driver).await;
                prop_assert_eq!(ended.expect("the driver ends").unwrap(), Err(()));
            }
            End::Driver => {
                self.widget.driver.abort();
                let_others_run().await;
                prop_assert_eq!(self.turn.status().subscribers, 0);
                while self.model.has_message() {
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

    /// Everybody does what there is to do.
    async fn settle(&mut self) {
        for _ in 0..3 {
            let_others_run().await;
            self.learn();
            self.model.on(model::Event::DriverLooks);
            match (self.model.wants_credentials(), &self.states) {
                (true, None) => self.states = Some(self.turn.subscribe()),
                (false, Some(_)) => {
                    (self.states, self.newest) = (None, None);
                    self.model.on(model::Event::Unsubscribed);
                }
                _ => {}
            }
        }
    }

    /// Tells the model what the driver is told.
    fn learn(&mut self) {
        let Some(states) = &mut self.states else { return };
        while let Some(Some(state)) = states.next().now_or_never() {
            self.model.on(model::Event::ServiceSays(news(&state)));
            self.newest = Some(state);
        }
        if self.model.wants_state()
            && let Some(state) = self.turn.state()
        {
            self.model.on(model::Event::ServiceSays(news(&state)));
        }
        if let Some(held) = self.held() {
            self.model.expiry_moves(life(&held));
        }
    }

    /// What the SDK sends is none of the model's.
    async fn client_receives(&mut self) -> Result<(), TestCaseError> {
        let expected = self.model.receive();
        loop {
            let Some(received) = self.widget.handle.recv().now_or_never() else {
                prop_assert_eq!(None, expected);
                return Ok(());
            };
            let message: Value = serde_json::from_str(&received.unwrap()).unwrap();
            match message["action"].as_str() {
                Some("update_turn_servers") => {
                    let name = message["data"]["username"].as_str().unwrap().parse().ok();
                    prop_assert_eq!(Some(Message::Update(name)), expected);
                    let id = message["requestId"].as_str().unwrap().to_owned();
                    prop_assert!(self.update_ids.insert(id), "an update has an id of its own");
                    self.update_in_flight = Some(message);
                    return Ok(());
                }
                Some(WATCH | UNWATCH) => {
                    let Some(Message::Response(request, answer)) = expected else {
                        return Err(TestCaseError::fail(format!("{message} for {expected:?}")));
                    };
                    let mut answered = written(request);
                    answered["response"] = worded(answer);
                    prop_assert_eq!(message, answered);
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// The widget asks to watch, or to watch no longer.
    async fn asks(&mut self, is_watch: bool) {
        self.requests += 1;
        let request = Request { id: self.requests, is_watch };
        self.widget.send(written(request)).await;
        self.model.on(model::Event::Sends(request));
    }
}

async fn let_others_run() {
    for _ in 0..20 {
        yield_now().await;
    }
}

fn written(Request { id, is_watch }: Request) -> Value {
    request(&id.to_string(), if is_watch { WATCH } else { UNWATCH })
}

fn worded(answer: Answer) -> Value {
    let message = match answer {
        Answer::Success => return json!({}),
        Answer::NotNegotiated => {
            "Received TURN servers request before capabilities were negotiated"
        }
        Answer::NotAllowed => NOT_ALLOWED,
        Answer::Unavailable => {
            "the homeserver offers no TURN server: its administrator has to configure one"
        }
        Answer::TooMany => "Too many TURN servers requests are not answered yet",
    };
    json!({ "error": { "message": message } })
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
fn a_widget_is_told_what_the_model_says_in_random_sequences() {
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
