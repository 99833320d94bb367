//! W1: what is not ours passes byte for byte and in order, both ways.

use std::{sync::Arc, time::Duration};

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tests::widget::WIDGET_ID;
use tokio::time::timeout;

use super::{Driver, Handle, Setup, request};

const SENTINEL: &str = "org.example.sentinel";

/// Loads the page, and requests a capability that both drivers know.
async fn negotiate(handle: &dyn Handle) -> Vec<String> {
    let mut received = Vec::new();
    assert!(handle.send(request("content_loaded")));
    while received.len() < 3 {
        let message = receive(handle).await;
        let mut parsed: Value = serde_json::from_str(&message).unwrap();
        match parsed["action"].as_str() {
            Some("capabilities") => {
                parsed["response"] = json!({ "capabilities": ["io.element.requires_client"] });
                assert!(handle.send(parsed.to_string()));
            }
            Some("notify_capabilities") => {
                parsed["response"] = json!({});
                assert!(handle.send(parsed.to_string()));
            }
            _ => {}
        }
        received.push(without_random_id(message));
    }
    received
}

async fn receive(handle: &dyn Handle) -> String {
    timeout(Duration::from_secs(60), handle.recv()).await.expect("no message is lost").unwrap()
}

/// Everything a widget that sends `messages` receives, up to the response to the last of them.
async fn exchange(handle: &dyn Handle, negotiates: bool, messages: &[String]) -> Vec<String> {
    let mut received = match negotiates {
        true => negotiate(handle).await,
        false => Vec::new(),
    };
    for message in messages.iter().cloned().chain([request(SENTINEL)]) {
        assert!(handle.send(message));
    }

    while received.last().is_none_or(|message| !message.contains(SENTINEL)) {
        received.push(without_random_id(receive(handle).await));
    }
    received
}

/// The SDK draws the ids of its own requests.
fn without_random_id(message: String) -> String {
    let request: Value = serde_json::from_str(&message).unwrap();
    match request["requestId"].as_str() {
        Some(id) if request["api"] == "toWidget" => message.replace(id, "…"),
        _ => message,
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(["fromWidget", WIDGET_ID, "1", "watch_turn_servers"])),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(capabilities|turn_servers|supported_versions|content_loaded)".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Messages that look like the widget API's, with actions of the SDK's and of nobody's.
fn envelope() -> impl Strategy<Value = String> {
    let api = prop_oneof![8 => Just("fromWidget"), 1 => Just("toWidget"), 1 => Just("x")];
    let widget_id = prop_oneof![8 => Just(WIDGET_ID), 1 => Just("another")];
    let action = prop_oneof![
        Just("content_loaded".to_owned()),
        Just("send_event".to_owned()),
        Just("send_to_device".to_owned()),
        Just("org.matrix.msc2876.read_events".to_owned()),
        Just("update_capabilities".to_owned()),
        Just("turn_servers".to_owned()),
        any::<String>(),
    ];
    (api, widget_id, any::<String>(), action, json_value(), any::<String>(), json_value())
        .prop_map(|(api, widget_id, request_id, action, data, key, value)| {
            let mut message = json!({
                "api": api,
                "widgetId": widget_id,
                "requestId": request_id,
                "action": action,
                "data": data,
            });
            message.as_object_mut().unwrap().entry(key).or_insert(value);
            message
        })
        .prop_flat_map(|message| {
            prop_oneof![
                Just(message.to_string()),
                Just(serde_json::to_string_pretty(&message).unwrap()),
                Just(message.to_string().replace('e', "\\u0065")),
            ]
        })
}

fn message() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => any::<String>(),
        1 => json_value().prop_map(|json| json.to_string()),
        4 => envelope(),
    ]
}

/// Everything a widget that sends `messages` to this driver receives.
async fn play(
    setup: &Setup,
    (driver, handle): (Driver, Arc<dyn Handle>),
    negotiates: bool,
    messages: &[String],
) -> Vec<String> {
    let running = tokio::spawn(driver.run(setup.room.clone()));
    let received = exchange(&*handle, negotiates, messages).await;
    running.abort();
    received
}

async fn compare(
    setup: &Setup,
    negotiates: bool,
    messages: &[String],
) -> (Vec<String>, Vec<String>) {
    tokio::join!(
        play(setup, setup.bare(), negotiates, messages),
        play(setup, setup.ours(), negotiates, messages)
    )
}

#[test]
fn w01_what_is_not_ours_passes_byte_for_byte_and_in_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let setup = runtime.block_on(Setup::start());
    let mut runner =
        TestRunner::new(Config { cases: 512, failure_persistence: None, ..Config::default() });
    runner
        .run(&(any::<bool>(), vec(message(), 0..12)), |(negotiates, messages)| {
            let (bare, ours) = runtime.block_on(compare(&setup, negotiates, &messages));
            prop_assert_eq!(bare, ours);
            Ok(())
        })
        .unwrap();
}

#[test]
fn w01_the_comparison_sees_a_difference() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let setup = runtime.block_on(Setup::start());
    let messages = [request("supported_api_versions")];
    let (bare, ours) = runtime.block_on(compare(&setup, false, &messages));
    assert_ne!(bare, ours);
}
