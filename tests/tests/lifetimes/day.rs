//! A client's day: three accounts, two runtimes, and whatever a day brings. In the evening nothing is
//! left of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use matrix_sdk_turn::{
    HomeserverSource, TurnServerCapability, TurnService, TurnState, TurnStates, UnavailableReason,
};
use serde_json::json;
use tests::{
    clock::HandMovedClock,
    homeserver::{Homeserver, matrix_error, turn_servers},
    widget::{Provider, TURN, Widget},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use wiremock::ResponseTemplate;

use super::sessions::witness;

const MINUTE: Duration = Duration::from_secs(60);

/// One of the client's accounts.
struct Account {
    homeserver: Homeserver,
    turn: TurnService,
    clock: HandMovedClock,
    /// Gone when the client is.
    alive: Arc<()>,
}

impl Account {
    fn new(homeserver: Homeserver, runtime: &Runtime) -> Self {
        let clock = HandMovedClock::start();
        let turn = TurnService::builder(HomeserverSource::new(&homeserver.client))
            .clock(clock.clone())
            .runtime(runtime.handle().clone())
            .build();
        let alive = witness(&homeserver.client);
        Self { homeserver, turn, clock, alive }
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn next(states: &mut TurnStates) -> TurnState {
    timeout(Duration::from_secs(30), states.next()).await.expect("a state comes").unwrap()
}

/// The next credentials. Before them, a stream may or may not see that the last ones expired.
async fn next_credentials(states: &mut TurnStates) -> String {
    loop {
        if let Some(server) = next(states).await.available() {
            return server.username().to_owned();
        }
    }
}

fn reason(state: &TurnState) -> UnavailableReason {
    state.unavailable().unwrap().reason()
}

fn soon(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::yield_now();
    }
}

/// Calls in widgets, each of which ends by dropping nothing but its handle.
async fn calls(homeserver: &Homeserver) {
    let room = homeserver.room().await;
    for _ in 0..5 {
        let mut widget =
            Widget::start(&TurnServerCapability::shared(), room.clone(), Provider::Grant);
        widget.negotiate(&[TURN]).await;
        widget.expect_response("watch_turn_servers", json!({})).await;
        widget.expect_update("carol").await;
        let Widget { handle, driver, .. } = widget;
        drop(handle);
        assert_eq!(driver.await.unwrap(), Err(()));
    }
}

/// An error page in the middle of a deployment, and a night's sleep.
async fn troubles(account: &Account, states: &mut TurnStates) {
    let Account { homeserver, turn, clock, .. } = account;
    let page = ResponseTemplate::new(404).set_body_string("<html>default backend - 404");
    let page = homeserver.serve_turn_servers(page).await;
    clock.sleep(30 * MINUTE);
    assert_eq!(turn.refresh().await.unwrap().username(), "alice", "half an hour is left");
    assert_eq!(turn.last_failure().unwrap().reason(), UnavailableReason::Unreachable);
    drop(page);

    let served = homeserver.serve_turn_servers(turn_servers("after the page", 3600)).await;
    assert_eq!(next_credentials(states).await, "after the page");
    drop(served);

    let served = homeserver.serve_turn_servers(turn_servers("after the night", 3600)).await;
    clock.sleep(480 * MINUTE);
    turn.refresh();
    assert_eq!(next_credentials(states).await, "after the night");
    drop(served);
}

/// The access token runs out, and the app refreshes it.
async fn token_refresh(account: &Account, states: &mut TurnStates) {
    let Account { homeserver, turn, clock, .. } = account;
    homeserver
        .answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({ "soft_logout": true })))
        .await;
    homeserver.serve_refreshed(turn_servers("with a new token", 3600)).await;
    clock.sleep(30 * MINUTE);
    assert_eq!(turn.refresh().await.unwrap().username(), "after the night");
    assert_eq!(turn.last_failure().unwrap().reason(), UnavailableReason::SoftLoggedOut);
    homeserver.refresh_token().await;
    assert_eq!(next_credentials(states).await, "with a new token");
}

#[test]
fn a_clients_day_leaves_nothing_behind() {
    // The homeservers, and the SDK's own tasks of the clients, live elsewhere.
    let [serving, app, passing] = [runtime(), runtime(), runtime()];
    let [alice, bob, carol] = serving.block_on(async {
        [
            Homeserver::start_and_let_the_app_refresh_tokens().await,
            Homeserver::start_without_session().await,
            Homeserver::start().await,
        ]
    });
    let alice = Account::new(alice, &app);
    let bob = Account::new(bob, &app);
    let carol_alive = witness(&carol.client);
    serving.block_on(carol.answer_turn_servers(turn_servers("carol", 3600)));

    // Morning: Alice is there, Bob logs in later.
    let served = serving.block_on(alice.homeserver.serve_turn_servers(turn_servers("alice", 3600)));
    let mut alice_states = alice.turn.subscribe();
    assert_eq!(app.block_on(next_credentials(&mut alice_states)), "alice");
    drop(served);
    serving.block_on(bob.homeserver.answer_turn_servers(turn_servers("bob", 3600)));
    let mut bob_states = passing.block_on(async { bob.turn.subscribe() });
    let state = passing.block_on(next(&mut bob_states));
    assert_eq!(reason(&state), UnavailableReason::NotLoggedIn);
    serving.block_on(bob.homeserver.log_in(None));
    assert_eq!(passing.block_on(next_credentials(&mut bob_states)), "bob");

    // The day.
    app.block_on(calls(&carol));
    app.block_on(troubles(&alice, &mut alice_states));
    app.block_on(token_refresh(&alice, &mut alice_states));

    // One runtime ends, and Bob's subscriber is polled on another from then on.
    drop(passing);
    bob.clock.sleep(61 * MINUTE);
    bob.turn.refresh();
    assert_eq!(app.block_on(next_credentials(&mut bob_states)), "bob");

    // Evening: Alice logs out, Bob is logged out, Carol's client is dropped.
    alice.turn.end_session();
    assert_eq!(reason(&app.block_on(next(&mut alice_states))), UnavailableReason::LoggedOut);
    serving.block_on(bob.homeserver.end_session());
    assert_eq!(reason(&app.block_on(next(&mut bob_states))), UnavailableReason::LoggedOut);
    for states in [&mut alice_states, &mut bob_states] {
        assert_eq!(app.block_on(states.next()), None);
    }

    // Night. The services and the streams are kept, and keep nothing.
    soon("no task is left", || app.metrics().num_alive_tasks() == 0);
    for turn in [&alice.turn, &bob.turn] {
        let text = format!("{turn:?}");
        assert!(text.contains("source: None") && text.contains("subscribers: 0"), "{text}");
    }
    let clients = [alice.homeserver, bob.homeserver, carol];
    serving.block_on(async { drop(clients) });
    for alive in [&alice.alive, &bob.alive, &carol_alive] {
        soon("no client is alive", || Arc::strong_count(alive) == 1);
    }
}
