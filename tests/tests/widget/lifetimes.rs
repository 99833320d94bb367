//! W20: what ends when the driver or the handles do. (How that compares with the SDK's own is in
//! `passthrough`.)

use std::{
    future::pending,
    mem::ManuallyDrop,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};

use futures::FutureExt;
use matrix_sdk_turn::{
    CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, TurnWidgetDriverHandle,
    async_trait,
};
use serde_json::{Value, json};
use tests::{
    source::{available, available_for},
    widget::{Hosted, Provider, TURN, WIDGET_ID, Widget, request, settings},
};
use tokio::{
    runtime::Builder,
    sync::oneshot,
    time::{Instant, sleep, timeout},
};

use super::{WATCH, seconds};

/// Another widget, which watches credentials named `first` that are valid for a minute.
async fn watching(hosted: &Hosted) -> Widget {
    let capability = TurnServerCapability::new(hosted.turn.clone());
    let mut widget = Widget::start(&capability, hosted.room.clone(), Provider::Grant);
    widget.negotiate(&[TURN]).await;
    hosted.script.answer(available_for("first", seconds(60)));
    widget.expect_response(WATCH, json!({})).await;
    widget.expect_update("first").await;
    widget
}

#[tokio::test]
async fn w20_dropping_the_last_handle_ends_the_driver_and_its_subscription() {
    let hosted = Hosted::start(Provider::Deny).await;
    let Widget { handle, driver, .. } = watching(&hosted).await;
    assert!(hosted.turn.next_request_in().is_some());

    let dropped = Instant::now();
    drop(handle);
    assert_eq!(driver.await.unwrap(), Err(()));
    assert_eq!(dropped.elapsed(), Duration::ZERO);
    assert_eq!(hosted.turn.next_request_in(), None, "nobody is subscribed");
    sleep(seconds(24 * 60 * 60)).await;
    assert_eq!(hosted.script.requests(), 1);
}

#[tokio::test]
async fn w20_the_subscription_ends_at_once_whatever_the_sdk_has_to_work_off() {
    let hosted = Hosted::start(Provider::Deny).await;
    let widget = watching(&hosted).await;
    for _ in 0..10_000 {
        widget.send(json!({ "api": "fromWidget", "widgetId": WIDGET_ID, "requestId": "1" })).await;
    }
    // The SDK begins with it.
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    drop(widget.handle);
    tokio::task::yield_now().await;
    assert_eq!(hosted.turn.status().subscribers, 0);
}

/// Sends a message as soon as it is woken, on whatever thread wakes it.
struct Sending(TurnWidgetDriverHandle, mpsc::Sender<bool>);

impl Wake for Sending {
    fn wake(self: Arc<Self>) {
        let _ = self.1.send(self.0.send(request("1", WATCH).to_string()).into());
    }
}

#[test]
fn a_waker_may_use_the_handle() {
    // These are never dropped: if a thread is stuck, whoever drops them is stuck as well.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let runtime = ManuallyDrop::new(runtime);
    let hosted = ManuallyDrop::new(runtime.block_on(Hosted::start(Provider::Deny)));

    let handle = hosted.widget.handle.clone();
    let (tx, rx) = mpsc::channel();
    let waker = Waker::from(Arc::new(Sending(handle.clone(), tx)));
    let mut receiving = pin!(hosted.widget.handle.recv());
    assert!(receiving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    thread::spawn(move || handle.send(request("1", WATCH).to_string()));
    let is_sent = rx.recv_timeout(seconds(10)).expect("it is woken, and not stuck");
    assert!(is_sent);
}

#[tokio::test]
async fn w20_a_handle_may_be_dropped_on_a_thread_outside_of_tokio() {
    let hosted = Hosted::start(Provider::Deny).await;
    let Widget { handle, driver, .. } = watching(&hosted).await;
    thread::spawn(move || drop(handle)).join().unwrap();
    assert_eq!(timeout(seconds(1), driver).await.unwrap().unwrap(), Err(()));
}

#[tokio::test]
async fn w20_dropping_one_of_two_handles_ends_nothing() {
    let hosted = Hosted::start(Provider::Deny).await;
    let mut widget = watching(&hosted).await;
    drop(widget.handle.clone());
    hosted.script.answer(available("second"));
    widget.expect_update("second").await;
    widget.expect_response(WATCH, json!({})).await;
    assert!(!widget.driver.is_finished());
}

#[tokio::test]
async fn w20_an_open_prompt_holds_the_driver_up_for_10_seconds_after_the_last_handle() {
    /// A user who does not answer. The prompt closes when the sender is dropped.
    struct NeverAnswers(std::sync::Mutex<Option<oneshot::Sender<()>>>);

    #[async_trait]
    impl TurnCapabilitiesProvider for NeverAnswers {
        async fn acquire_capabilities(&self, _: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
            let _prompt = self.0.lock().unwrap().take();
            pending().await
        }
    }

    let hosted = Hosted::start(Provider::Deny).await;
    let (prompt, mut closed) = oneshot::channel();
    let provider = NeverAnswers(Some(prompt).into());
    let capability = TurnServerCapability::new(hosted.turn.clone());
    let mut widget = Widget::start(&capability, hosted.room.clone(), provider);
    widget.expect_response("content_loaded", json!({})).await;
    let request = widget.expect_request("capabilities").await;
    widget.respond(request, json!({ "capabilities": [TURN] })).await;
    widget.receives_nothing_for(seconds(3600)).await;
    assert!(closed.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));

    let Widget { handle, driver, .. } = widget;
    let dropped = Instant::now();
    drop(handle);
    assert_eq!(driver.await.unwrap(), Err(()));
    assert_eq!(dropped.elapsed().as_secs(), 10);
    assert!(closed.await.is_err(), "the prompt is closed");
}

#[tokio::test]
async fn w20_a_driver_whose_handles_were_dropped_before_it_ran_ends_at_once() {
    let hosted = Hosted::start(Provider::Deny).await;
    let capability = TurnServerCapability::new(hosted.turn.clone());
    let (driver, handle) = capability.widget_driver(settings());
    drop(handle);
    let running = driver.run(hosted.room.clone(), Provider::Grant);
    assert_eq!(timeout(seconds(1), running).await.unwrap(), Err(()));
}

#[tokio::test]
async fn w20_a_driver_dropped_in_mid_flight_stops_everything() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available_for("first", seconds(60)));
    hosted.script.answer(available_for("second", seconds(60)));
    hosted.widget.expect_response(WATCH, json!({})).await;

    hosted.widget.driver.abort();
    let aborted = (&mut hosted.widget.driver).await.unwrap_err();
    assert!(aborted.is_cancelled());

    assert_eq!(hosted.widget.handle.recv().await, None, "no update goes out");
    let again = request("1", WATCH).to_string();
    assert!(!hosted.widget.handle.send(again), "no driver is running");
    sleep(seconds(600)).await;
    assert_eq!(hosted.script.requests(), 1, "nothing is polled for it");
}

#[tokio::test]
async fn w20_a_driver_that_never_ran_is_no_driver() {
    let hosted = Hosted::start(Provider::Grant).await;
    let (driver, handle) = TurnServerCapability::new(hosted.turn.clone()).widget_driver(settings());
    drop(driver);
    assert!(!handle.send("{}".to_owned()).await);
    assert_eq!(handle.recv().await, None);
}

#[tokio::test]
async fn w20_a_receiver_that_gives_up_at_any_await_loses_no_message() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    let mut expected = Vec::new();
    for action in ["supported_api_versions", WATCH, "org.example.unknown", WATCH] {
        expected.push(hosted.widget.request(action).await["requestId"].clone());
    }

    // Each attempt is polled once, and dropped if it has to wait.
    let mut received = Vec::new();
    let mut updates = 0;
    for _ in 0..1_000 {
        match hosted.widget.handle.recv().now_or_never() {
            Some(message) => {
                let message: Value = serde_json::from_str(&message.unwrap()).unwrap();
                match message["api"] == "fromWidget" {
                    true => received.push(message["requestId"].clone()),
                    false => updates += 1,
                }
            }
            None => tokio::task::yield_now().await,
        }
    }
    received.sort_by_key(Value::to_string);
    assert_eq!(received, expected);
    assert_eq!(updates, 1);
}

#[tokio::test]
async fn f13_clones_of_the_handle_share_one_widget() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let handle = hosted.widget.handle.clone();
            tokio::spawn(async move { handle.recv().await.unwrap() })
        })
        .collect();
    hosted.widget.request(WATCH).await;

    let mut received = Vec::new();
    for receiver in receivers {
        let message: Value = serde_json::from_str(&receiver.await.unwrap()).unwrap();
        received.push(message["action"].as_str().unwrap().to_owned());
    }
    received.sort_unstable();
    assert_eq!(received, ["update_turn_servers", WATCH]);
}

#[tokio::test]
async fn two_widgets_share_one_request() {
    let mut hosted = Hosted::granted().await;
    let capability = TurnServerCapability::new(hosted.turn.clone());
    let mut other = Widget::start(&capability, hosted.room.clone(), Provider::Grant);
    other.negotiate(&[TURN]).await;

    hosted.script.answer(available("shared"));
    for widget in [&mut hosted.widget, &mut other] {
        widget.expect_response(WATCH, json!({})).await;
        widget.expect_update("shared").await;
    }
    assert_eq!(hosted.script.requests(), 1);
}

#[tokio::test]
async fn a_watch_is_refused_at_once_after_the_services_runtime_has_ended() {
    let other = Builder::new_multi_thread().enable_all().build().unwrap();
    let runtime = other.handle().clone();
    let mut hosted = Hosted::start_by(|turn| turn.runtime(runtime), Provider::Grant, |it| it).await;
    other.shutdown_background();
    hosted.widget.negotiate(&[TURN]).await;
    let asked = tokio::time::Instant::now();
    let error = hosted.widget.expect_error(WATCH).await;
    assert!(error.contains("runtime"), "{error}");
    assert_eq!(asked.elapsed(), seconds(0));
    assert_eq!(hosted.script.requests(), 0);
}
