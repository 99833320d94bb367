//! W20: what ends when a handle or a driver is dropped.
//!
//! The SDK's own driver notices that its last handle is gone when it next sends the widget a message.
//! Until it does, it runs on, which may be for ever. Ours sees to it that there is such a message.

use std::{sync::Arc, thread, time::Duration};

use matrix_sdk_turn::TurnServerCapability;
use serde_json::{Value, json};
use tests::{
    homeserver::matrix_error,
    widget::{TURN, settings},
};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use wiremock::{Mock, ResponseTemplate, matchers::path_regex};

use super::{Driver, Handle, Setup, request};

const EVENT: &str = "org.example.hangup";

/// Whatever is to happen by itself happens within this time.
const LONG: Duration = Duration::from_secs(60);

type Running = JoinHandle<Result<(), ()>>;

/// What became of the driver: `None` if it goes on.
async fn outcome(running: Running) -> Option<Result<(), ()>> {
    let outcome = timeout(LONG, running).await;
    outcome.ok().map(Result::unwrap)
}

/// Starts the driver, and negotiates TURN and leave to send an event.
async fn start(
    setup: &Setup,
    (driver, handle): (Driver, Arc<dyn Handle>),
) -> (Running, Arc<dyn Handle>) {
    let running = tokio::spawn(driver.run(setup.room.clone()));
    assert!(handle.send(request("content_loaded")));
    let requested = [TURN, &format!("org.matrix.msc2762.send.event:{EVENT}")];
    for response in [None, Some(json!({ "capabilities": requested })), Some(json!({}))] {
        let mut message: Value = serde_json::from_str(&handle.recv().await.unwrap()).unwrap();
        if let Some(response) = response {
            message["response"] = response;
            assert!(handle.send(message.to_string()));
        }
    }
    (running, handle)
}

fn send_event() -> String {
    let mut request = tests::widget::request("1", "send_event");
    request["data"] = json!({ "type": EVENT, "content": {} });
    request.to_string()
}

#[tokio::test]
async fn w20_without_handles_ours_ends_and_the_sdks_waits_for_its_next_message() {
    let setup = Setup::start().await;
    tokio::time::pause();
    for (driver, ends) in [(setup.bare(), None), (setup.ours(), Some(Err(())))] {
        let (running, handle) = start(&setup, driver).await;
        drop(handle);
        assert_eq!(outcome(running).await, ends);
    }
}

#[tokio::test]
async fn w20_without_handles_a_widget_that_watches_keeps_nothing_alive() {
    let setup = Setup::start().await;
    tokio::time::pause();
    let (running, handle) = start(&setup, setup.ours()).await;
    assert!(handle.send(request("watch_turn_servers")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(format!("{:?}", setup.turn).contains("subscribers: 1"));

    drop(handle);
    assert_eq!(outcome(running).await, Some(Err(())));
    assert!(format!("{:?}", setup.turn).contains("subscribers: 0"));
}

#[tokio::test]
async fn w20_what_the_widget_sent_before_the_last_handle_was_dropped_is_worked_off() {
    let setup = Setup::start().await;
    // The SDK looks first whether the room is encrypted.
    let server = &setup.homeserver.server;
    let no_encryption = matrix_error(404, "M_NOT_FOUND", json!({}));
    Mock::given(path_regex("m.room.encryption")).respond_with(no_encryption).mount(server).await;
    let sent = ResponseTemplate::new(200).set_body_json(json!({ "event_id": "$hangup" }));
    Mock::given(path_regex(EVENT)).respond_with(sent).mount(server).await;

    for (driver, count) in [(setup.bare(), 1), (setup.ours(), 2)] {
        let (running, handle) = start(&setup, driver).await;
        assert!(handle.send(send_event()));
        drop(handle);
        assert_eq!(outcome(running).await, Some(Err(())));

        let requests = server.received_requests().await.unwrap();
        let events = requests.iter().filter(|request| request.url.path().contains(EVENT));
        assert_eq!(events.count(), count);
    }
}

#[tokio::test]
async fn w20_with_one_of_two_handles_dropped_both_go_on() {
    let setup = Setup::start().await;
    let (ours, handle) = TurnServerCapability::new(setup.turn.clone()).widget_driver(settings());
    drop(handle.clone());
    let handles: [(Driver, Arc<dyn Handle>); 2] =
        [setup.bare(), (Driver::Ours(ours), Arc::new(handle))];
    for driver in handles {
        let (running, handle) = start(&setup, driver).await;
        drop(handle.clone());
        assert!(handle.send(request("org.example.unknown")));
        assert!(handle.recv().await.unwrap().contains("org.example.unknown"));
        assert!(!running.is_finished());
    }
}

#[tokio::test]
async fn w20_with_the_driver_dropped_nothing_is_received() {
    let setup = Setup::start().await;
    for driver in [setup.bare(), setup.ours()] {
        let (running, handle) = start(&setup, driver).await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(handle.recv().await, None);
    }
}

#[tokio::test]
async fn w20_with_a_driver_dropped_that_never_ran_nothing_is_sent_or_received() {
    let setup = Setup::start().await;
    for (driver, handle) in [setup.bare(), setup.ours()] {
        assert!(handle.send(request("org.example.unknown")), "it may still run");
        drop(driver);
        assert!(!handle.send(request("org.example.unknown")));
        assert_eq!(handle.recv().await, None);
    }
}

#[tokio::test]
async fn w20_a_driver_that_runs_late_works_off_what_was_sent_before() {
    let setup = Setup::start().await;
    for (driver, handle) in [setup.bare(), setup.ours()] {
        assert!(handle.send(request("org.example.unknown")));
        drop(handle);
        let running = driver.run(setup.room.clone());
        assert_eq!(timeout(LONG, running).await.unwrap(), Err(()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w20_a_driver_on_another_thread_notices_at_once_too() {
    let setup = Setup::start().await;
    for _ in 0..100 {
        let (running, handle) = start(&setup, setup.ours()).await;
        let dropped = Instant::now();
        thread::spawn(move || drop(handle));
        assert_eq!(running.await.unwrap(), Err(()));
        assert!(dropped.elapsed() < Duration::from_secs(10), "the last resort was not needed");
    }
}

#[tokio::test]
async fn w20_a_slow_homeserver_holds_up_the_driver_for_10_seconds_and_the_subscription_not_at_all()
{
    let setup = Setup::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(3600));
    Mock::given(path_regex("/rooms/")).respond_with(slow).mount(&setup.homeserver.server).await;
    tokio::time::pause();
    let (running, handle) = start(&setup, setup.ours()).await;
    assert!(handle.send(request("watch_turn_servers")));
    assert!(handle.send(send_event()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(format!("{:?}", setup.turn).contains("subscribers: 1"));

    let dropped = Instant::now();
    drop(handle);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(format!("{:?}", setup.turn).contains("subscribers: 0"));
    assert!(!running.is_finished());
    assert_eq!(outcome(running).await, Some(Err(())));
    assert_eq!(dropped.elapsed().as_secs(), 10);
}
