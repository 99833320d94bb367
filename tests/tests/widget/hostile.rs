//! W16, W18 and W19: what a widget cannot do.

use matrix_sdk_turn::UnavailableReason;
use serde_json::{Value, json};
use tests::{
    log::Log,
    source::{available, unavailable},
    widget::{Hosted, Provider, TURN, WIDGET_ID},
};

use super::{NOT_ALLOWED, UNWATCH, WATCH, seconds};

#[tokio::test]
async fn w16_another_widgets_id_is_never_acted_on() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    for action in [UNWATCH, WATCH] {
        let request = json!({
            "api": "fromWidget",
            "widgetId": "another",
            "requestId": "1",
            "action": action,
            "data": {},
        });
        hosted.widget.send(&request).await;
    }
    hosted.widget.receives_nothing_for(seconds(5)).await;
    assert_eq!(hosted.turn.status().subscribers, 1, "the grant's subscription stays");
    hosted.widget.receives_nothing_for(seconds(60)).await;
    assert_eq!(hosted.turn.status().subscribers, 0, "and is no longer than the grant's");
    hosted.widget.expect_response(UNWATCH, json!({})).await;
}

#[tokio::test]
async fn w18_nothing_a_widget_sends_grants_a_capability() {
    let mut hosted = Hosted::start(Provider::Deny).await;
    let widget = &mut hosted.widget;
    widget.negotiate(&[TURN]).await;

    let forged = |api: &str, action: &str, response: Value| {
        json!({
            "api": api,
            "widgetId": WIDGET_ID,
            "requestId": "8f6ff0b4-7cc9-4b2c-9a1f-000000000000",
            "action": action,
            "data": { "requested": [TURN], "approved": [TURN] },
            "response": response,
        })
    };
    let capabilities = json!({ "capabilities": [TURN] });
    widget.send(forged("toWidget", "notify_capabilities", json!({}))).await;
    widget.send(forged("toWidget", "capabilities", capabilities.clone())).await;
    widget.send(forged("toWidget", "capabilities", capabilities)).await;
    let mut notify = forged("fromWidget", "notify_capabilities", json!({}));
    notify.as_object_mut().unwrap().remove("response");
    widget.send(notify).await;
    // The SDK knows no such action.
    assert!(widget.receive().await["response"]["error"].is_object());

    assert_eq!(widget.expect_error(WATCH).await, NOT_ALLOWED);
    assert_eq!(hosted.script.requests(), 0);
}

#[tokio::test]
async fn w19_watch_and_unwatch_in_a_loop_cost_the_homeserver_nothing() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    for _ in 0..1_000 {
        hosted.widget.expect_response(WATCH, json!({})).await;
        hosted.widget.expect_update("first").await;
        hosted.widget.expect_response(UNWATCH, json!({})).await;
    }
    assert_eq!(hosted.script.requests(), 1);
}

#[tokio::test]
async fn w19_watch_in_a_loop_while_the_homeserver_fails_does_not_hammer_it() {
    for reason in [UnavailableReason::Forbidden, UnavailableReason::NotConfigured] {
        let mut hosted = Hosted::granted().await;
        hosted.script.answer(unavailable(reason));
        for _ in 0..100 {
            hosted.widget.expect_error(WATCH).await;
        }
        assert_eq!(hosted.script.requests(), 1);
    }

    let mut hosted = Hosted::granted().await;
    for _ in 0..100 {
        hosted.script.answer(unavailable(UnavailableReason::Unreachable));
    }
    for _ in 0..100 {
        hosted.widget.expect_response(WATCH, json!({})).await;
        hosted.widget.expect_response(UNWATCH, json!({})).await;
    }
    assert!(hosted.script.requests() <= 10, "{} in no time", hosted.script.requests());
}

#[tokio::test]
async fn w19_a_widget_that_floods_is_held_to_the_limits() {
    let mut hosted = Hosted::granted().await;
    // 15 are left pending, the next 64 are refused at once, and the rest is dropped.
    for _ in 0..10_000 {
        hosted.widget.request(WATCH).await;
    }
    hosted.script.answer(available("first"));
    let mut responses = 0;
    while hosted.widget.receive().await["action"] == WATCH {
        responses += 1;
    }
    assert_eq!(responses, 15 + 64);
}

#[tokio::test]
async fn w19_a_flood_of_watch_does_not_hold_up_the_sdks_messages() {
    let mut hosted = Hosted::watching().await;
    for _ in 0..5 {
        hosted.widget.request("supported_api_versions").await;
    }
    // The SDK answers all of them before the first is received.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        hosted.widget.request(WATCH).await;
    }

    let mut received = Vec::new();
    for _ in 0..10 {
        received.push(hosted.widget.receive().await["action"].take());
    }
    for pair in received.windows(2) {
        assert_ne!(pair[0], pair[1], "they take turns: {received:?}");
    }
}

#[tokio::test]
async fn w19_dropped_requests_are_warned_of_once_per_burst() {
    let (log, _guard) = Log::record();
    let mut hosted = Hosted::watching().await;
    for burst in 1..=3 {
        for _ in 0..1_000 {
            hosted.widget.request(WATCH).await;
        }
        for _ in 0..64 {
            assert_eq!(hosted.widget.receive().await["action"], WATCH);
        }
        hosted.widget.receives_nothing_for(seconds(1)).await;
        let warnings = log.lines_with("dropping TURN requests");
        assert_eq!(warnings.len(), burst);
        assert!(warnings[0].contains("widget_id=\"w1\""), "{}", warnings[0]);
    }
}

#[tokio::test]
async fn w19_malformed_oversized_and_deeply_nested_messages_do_no_harm() {
    let mut hosted = Hosted::granted().await;
    let request = |data: String| {
        format!(
            "{{\"api\":\"fromWidget\",\"widgetId\":\"{WIDGET_ID}\",\"requestId\":\"1\",\
             \"action\":\"watch_turn_servers\",\"data\":{data}}}"
        )
    };
    let nested = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let messages = [
        String::new(),
        "watch_turn_servers".to_owned(),
        "{\"action\":\"watch_turn_servers\"}".to_owned(),
        format!("[\"fromWidget\",\"{WIDGET_ID}\",\"1\",\"watch_turn_servers\"]"),
        "\u{0}\u{fffd}{".to_owned(),
        request("{".to_owned()),
        request("{}".to_owned()).replace("\"1\"", "{}"),
        request("{}".to_owned()).replace("\"api\"", "\"api\":\"fromWidget\",\"api\""),
        request("{}".to_owned()).replace("fromWidget", "sideways"),
        request("{}".to_owned()).replace("\"w1\"", "1"),
    ];
    for message in messages {
        hosted.widget.send(message).await;
    }
    hosted.widget.receives_nothing_for(seconds(10)).await;

    // What is too large for us is the SDK's, which knows no such action.
    for data in [nested, format!("\"{}\"", "x".repeat(10_000_000))] {
        hosted.widget.send(request(data)).await;
        assert!(hosted.widget.receive_raw().await.contains("\"response\":{\"error\":"));
    }
    assert_eq!(hosted.turn.status().subscribers, 0, "the widget does not watch");

    hosted.script.answer(available("first"));
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("first").await;
}

#[tokio::test]
async fn w19_deeply_nested_data_of_a_size_we_look_at_does_no_harm() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    let nested = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let request = format!(
        "{{\"api\":\"fromWidget\",\"widgetId\":\"{WIDGET_ID}\",\"requestId\":\"1\",\
         \"action\":\"watch_turn_servers\",\"data\":{nested}"
    );
    hosted.widget.send(format!("{request}}}")).await;
    assert_eq!(hosted.widget.receive_raw().await, format!("{request},\"response\":{{}}}}"));
    hosted.widget.expect_update("first").await;
    hosted.widget.expect_response(UNWATCH, json!({})).await;
}
