//! The rules of the widget machine, W2 to W20, and the clauses of MSC3846, against the SDK's real
//! driver. (W1, that everything else passes through, is in `passthrough.rs`.)

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures::FutureExt;
use matrix_sdk::widget::{Capabilities, CapabilitiesProvider};
use matrix_sdk_turn::{
    CapabilitiesWithTurn, GrantTurnServers, TurnCapabilitiesProvider, TurnServerCapability,
    UnavailableReason,
};
use serde_json::{Value, json};
use tests::{
    source::{available, available_for, forbidden, unavailable},
    widget::{Hosted, PlainProvider, Provider, TURN, WIDGET_ID, Widget, settings_with},
};

const WATCH: &str = "watch_turn_servers";
const UNWATCH: &str = "unwatch_turn_servers";
const BEFORE_NEGOTIATION: &str =
    "Received TURN servers request before capabilities were negotiated";
const NOT_ALLOWED: &str = "Not allowed: missing the town.robin.msc3846.turn_servers capability.";

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[tokio::test]
async fn w02_the_supported_versions_gain_the_unstable_prefix_once() {
    let mut hosted = Hosted::start(Provider::Deny).await;
    let request = hosted.widget.request("supported_api_versions").await;
    let response = hosted.widget.receive().await;

    let versions = strings(&response["response"]["supported_versions"]);
    assert_eq!(versions.iter().filter(|v| **v == "town.robin.msc3846").count(), 1);
    assert!(versions.contains(&"0.0.2"), "the SDK's are still there: {versions:?}");
    assert_eq!(response["requestId"], request["requestId"]);
}

#[tokio::test]
async fn w03_either_identifier_requests_it_and_what_was_written_comes_back() {
    for written in [
        &["m.turn_servers"][..],
        &[TURN],
        &["io.element.requires_client", TURN, "m.turn_servers", "org.example.unknown"],
    ] {
        let mut hosted = Hosted::start(Provider::Grant).await;
        let notify = hosted.widget.negotiate(written).await;
        for list in ["requested", "approved"] {
            let mut list = strings(&notify["data"][list]);
            let mut expected: Vec<_> =
                written.iter().copied().filter(|c| *c != "org.example.unknown").collect();
            list.sort_unstable();
            expected.sort_unstable();
            assert_eq!(list, expected);
        }
        hosted.script.answer(available("granted"));
        hosted.widget.expect_response(WATCH, json!({})).await;
    }
}

#[tokio::test]
async fn w03_a_response_to_another_request_requests_nothing() {
    let mut hosted = Hosted::start(Provider::Grant).await;
    let widget = &mut hosted.widget;
    widget.expect_response("content_loaded", json!({})).await;
    let request = widget.expect_request("capabilities").await;

    let mut other = request.clone();
    other["requestId"] = json!("8f6ff0b4-7cc9-4b2c-9a1f-000000000000");
    widget.respond(other, json!({ "capabilities": [TURN] })).await;
    widget.respond(request, json!({ "capabilities": [] })).await;

    let notify = widget.expect_request("notify_capabilities").await;
    assert_eq!(notify["data"], json!({ "requested": [], "approved": [] }));
    assert_eq!(widget.expect_error(WATCH).await, NOT_ALLOWED);
}

#[tokio::test]
async fn w04_it_is_denied_unless_the_provider_grants_it() {
    for deny in [true, false] {
        let mut hosted = match deny {
            true => Hosted::start(Provider::Deny).await,
            false => Hosted::start(PlainProvider).await,
        };
        let notify = hosted.widget.negotiate(&["io.element.requires_client", TURN]).await;
        assert_eq!(notify["data"]["approved"], json!(["io.element.requires_client"]));
        assert_eq!(notify["data"]["requested"], json!(["io.element.requires_client", TURN]));
        assert_eq!(hosted.widget.expect_error(WATCH).await, NOT_ALLOWED);
        assert_eq!(hosted.script.requests(), 0);
    }
}

#[tokio::test]
async fn w04_a_plain_provider_grants_it_if_the_client_says_so() {
    let mut hosted = Hosted::start(GrantTurnServers(PlainProvider)).await;
    let notify = hosted.widget.negotiate(&[TURN]).await;
    assert_eq!(notify["data"]["approved"], json!([TURN]));
}

#[tokio::test]
async fn w04_the_provider_is_asked_once_for_everything() {
    struct Recorder(tokio::sync::mpsc::UnboundedSender<CapabilitiesWithTurn>);

    impl TurnCapabilitiesProvider for Recorder {
        async fn acquire_capabilities(
            &self,
            requested: CapabilitiesWithTurn,
        ) -> CapabilitiesWithTurn {
            self.0.send(requested.clone()).unwrap();
            requested
        }
    }

    let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
    let mut hosted = Hosted::start(Recorder(tx)).await;
    hosted.widget.negotiate(&["io.element.requires_client", TURN]).await;

    let asked = rx.recv().await.unwrap();
    assert!(asked.turn_servers && asked.capabilities.requires_client);
    assert!(rx.try_recv().is_err(), "once");
}

#[tokio::test]
async fn w04_granting_what_was_not_requested_grants_nothing() {
    struct Generous;

    impl TurnCapabilitiesProvider for Generous {
        async fn acquire_capabilities(
            &self,
            requested: CapabilitiesWithTurn,
        ) -> CapabilitiesWithTurn {
            assert!(!requested.turn_servers);
            CapabilitiesWithTurn { turn_servers: true, ..requested }
        }
    }

    let mut hosted = Hosted::start(Generous).await;
    let notify = hosted.widget.negotiate(&["io.element.requires_client"]).await;
    assert_eq!(notify["data"]["approved"], json!(["io.element.requires_client"]));
    assert_eq!(hosted.widget.expect_error(WATCH).await, NOT_ALLOWED);
}

#[tokio::test]
async fn w05_the_rest_of_notify_capabilities_is_untouched() {
    let capabilities = ["org.matrix.msc2762.receive.event:org.example", TURN];
    let mut hosted = Hosted::start(Provider::Grant).await;
    let notify = hosted.widget.negotiate(&capabilities).await;

    let keys: Vec<_> = notify.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["action", "api", "data", "requestId", "widgetId"]);
    let expected = json!({ "requested": capabilities, "approved": capabilities });
    assert_eq!(notify["data"], expected);
}

#[tokio::test]
async fn w06_before_negotiation_and_without_the_capability_it_is_an_error() {
    let mut hosted = Hosted::start(Provider::Grant).await;
    let widget = &mut hosted.widget;
    for action in [WATCH, UNWATCH] {
        assert_eq!(widget.expect_error(action).await, BEFORE_NEGOTIATION);
    }

    widget.negotiate(&["io.element.requires_client"]).await;
    for action in [WATCH, UNWATCH] {
        assert_eq!(widget.expect_error(action).await, NOT_ALLOWED);
    }
    assert_eq!(hosted.script.requests(), 0);
}

#[tokio::test]
async fn w07_available_is_answered_with_nothing() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.widget.expect_response(WATCH, json!({})).await;
}

#[tokio::test]
async fn w07_a_transient_failure_is_answered_with_nothing_and_polling_goes_on() {
    for reason in [UnavailableReason::Unreachable, UnavailableReason::RateLimited] {
        let mut hosted = Hosted::granted().await;
        hosted.script.answer(unavailable(reason));
        hosted.widget.expect_response(WATCH, json!({})).await;

        hosted.script.answer(available("later"));
        // A rate limit without a `retry_after` takes a minute and more.
        tokio::time::sleep(seconds(61)).await;
        hosted.widget.expect_update("later").await;
    }
}

#[tokio::test]
async fn w07_without_an_outcome_it_is_answered_within_8_seconds() {
    let mut hosted = Hosted::granted().await;
    let asked = tokio::time::Instant::now();
    hosted.widget.expect_response(WATCH, json!({})).await;
    assert_eq!(asked.elapsed().as_secs(), 8);

    hosted.script.answer(available("slow"));
    hosted.widget.expect_update("slow").await;
}

#[tokio::test]
async fn w07_msc3846_a_refusal_is_an_error_with_the_matrix_error() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(forbidden());
    let mut expected = hosted.widget.request(WATCH).await;
    expected["response"] = json!({ "error": {
        "message": "the homeserver refuses TURN to this account: ask its administrator for access \
                    [403 / M_FORBIDDEN] guests may not call",
        "matrix_api_error": {
            "http_status": 403,
            "response": { "errcode": "M_FORBIDDEN", "error": "guests may not call" },
        },
    } });
    assert_eq!(hosted.widget.receive().await, expected);
}

#[tokio::test]
async fn w07_no_turn_servers_and_no_session_are_errors() {
    for reason in [
        UnavailableReason::NotConfigured,
        UnavailableReason::Misconfigured,
        UnavailableReason::LoggedOut,
    ] {
        let mut hosted = Hosted::granted().await;
        hosted.script.answer(unavailable(reason));
        hosted.widget.expect_error(WATCH).await;

        // It is not watching, so nothing is polled for it.
        hosted.script.answer(available("unasked"));
        hosted.widget.receives_nothing_for(seconds(7200)).await;
        assert_eq!(hosted.script.requests(), 1);
    }
}

#[tokio::test]
async fn w08_the_reply_goes_out_before_the_first_update() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.turn.get().await.unwrap();

    let request = hosted.widget.request(WATCH).await;
    let reply = hosted.widget.receive().await;
    assert_eq!(reply["requestId"], request["requestId"]);
    hosted.widget.expect_update("first").await;
}

#[tokio::test]
async fn w09_msc3846_watching_twice_has_no_effect() {
    let mut hosted = Hosted::watching().await;
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
    assert_eq!(hosted.script.requests(), 1);
}

#[tokio::test]
async fn w09_watching_twice_before_the_first_outcome_is_answered_together() {
    let mut hosted = Hosted::granted().await;
    let mut first = hosted.widget.request(WATCH).await;
    let mut second = hosted.widget.request(WATCH).await;
    hosted.widget.receives_nothing_for(seconds(5)).await;

    hosted.script.answer(available("both"));
    first["response"] = json!({});
    second["response"] = json!({});
    assert_eq!(hosted.widget.receive().await, first);
    assert_eq!(hosted.widget.receive().await, second);
    hosted.widget.expect_update("both").await;
}

#[tokio::test]
async fn w10_msc3846_after_unwatch_no_update_goes_out() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available_for("first", seconds(60)));
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("first").await;

    hosted.script.answer(available_for("second", seconds(60)));
    hosted.widget.expect_response(UNWATCH, json!({})).await;
    hosted.widget.receives_nothing_for(seconds(600)).await;
    assert_eq!(hosted.script.requests(), 1, "nothing is polled either");
}

#[tokio::test]
async fn w10_an_update_that_is_not_received_yet_does_not_survive_unwatch() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_response(UNWATCH, json!({})).await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
}

#[tokio::test]
async fn w10_msc3846_unwatch_without_watch_has_no_effect() {
    let mut hosted = Hosted::granted().await;
    hosted.widget.expect_response(UNWATCH, json!({})).await;
    hosted.widget.expect_response(UNWATCH, json!({})).await;
    assert_eq!(hosted.script.requests(), 0);
}

#[tokio::test]
async fn w10_unwatch_answers_a_watch_that_is_pending() {
    let mut hosted = Hosted::granted().await;
    let mut watch = hosted.widget.request(WATCH).await;
    let mut unwatch = hosted.widget.request(UNWATCH).await;
    for request in [&mut watch, &mut unwatch] {
        request["response"] = json!({});
        assert_eq!(hosted.widget.receive().await, *request);
    }
}

#[tokio::test]
async fn w11_one_update_is_in_flight_and_the_newest_wins() {
    let mut hosted = Hosted::granted_and_quick().await;
    for name in ["first", "second", "third"] {
        hosted.script.answer(available(name));
    }
    hosted.widget.expect_response(WATCH, json!({})).await;
    let (update, username) = hosted.widget.receive_update().await;
    assert_eq!(username, "first");

    for name in ["second", "third"] {
        hosted.turn.report_rejected(&hosted.turn.get().await.unwrap());
        hosted.widget.receives_nothing_for(seconds(2)).await;
        assert_eq!(hosted.turn.get().await.unwrap().username(), name);
    }
    hosted.widget.respond(update, json!({})).await;
    hosted.widget.expect_update("third").await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
}

#[tokio::test]
async fn w11_an_update_that_is_never_acknowledged_holds_back_the_next_for_10_seconds() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.widget.expect_response(WATCH, json!({})).await;
    let (_, _) = hosted.widget.receive_update().await;

    hosted.script.answer(available("second"));
    hosted.turn.report_rejected(&hosted.turn.get().await.unwrap());
    hosted.widget.receives_nothing_for(Duration::from_millis(9_900)).await;
    hosted.widget.expect_update("second").await;
}

#[tokio::test]
async fn w11_credentials_that_expired_meanwhile_are_not_sent() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available_for("short", seconds(20)));
    hosted.widget.expect_response(WATCH, json!({})).await;

    // The client does not receive for a while; nothing replaces the credentials.
    tokio::time::sleep(seconds(21)).await;
    hosted.widget.receives_nothing_for(seconds(5)).await;
}

#[tokio::test]
async fn w12_msc3846_an_update_holds_exactly_uris_username_and_password() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("alice"));
    hosted.widget.expect_response(WATCH, json!({})).await;

    let (mut update, _) = hosted.widget.receive_update().await;
    assert!(!update["requestId"].take().as_str().unwrap().is_empty());
    assert_eq!(
        update,
        json!({
            "api": "toWidget",
            "widgetId": WIDGET_ID,
            "requestId": null,
            "action": "update_turn_servers",
            "data": {
                "uris": ["turn:turn.example.org:3478?transport=udp"],
                "username": "alice",
                "password": "turn-s3cret",
            },
        })
    );
}

#[tokio::test]
async fn msc3846_updates_continue_whenever_the_previous_data_expires() {
    let mut hosted = Hosted::granted().await;
    let names: Vec<_> = (0..20).map(|n| format!("update-{n}")).collect();
    for name in &names {
        hosted.script.answer(available_for(name, seconds(60)));
    }
    hosted.widget.expect_response(WATCH, json!({})).await;
    let started = tokio::time::Instant::now();
    for name in &names {
        hosted.widget.expect_update(name).await;
    }
    let per_update = started.elapsed().as_secs_f64() / 19.0;
    assert!((36.0..=43.0).contains(&per_update), "every 40 s or so, not {per_update}");
}

#[tokio::test]
async fn w13_without_credentials_the_widget_is_told_nothing() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available_for("short", seconds(30)));
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("short").await;
    hosted.script.answer(forbidden());
    hosted.widget.receives_nothing_for(seconds(3600)).await;
}

#[tokio::test]
async fn w13_msc3846_an_empty_list_is_sent_to_who_opted_in() {
    let mut hosted = Hosted::start_with(Provider::Grant, |capability| {
        capability.empty_update_when_unavailable(true)
    })
    .await;
    hosted.widget.negotiate(&[TURN]).await;
    hosted.script.answer(available_for("short", seconds(30)));
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("short").await;

    hosted.script.answer(unavailable(UnavailableReason::NotConfigured));
    let update = hosted.widget.expect_request("update_turn_servers").await;
    assert_eq!(update["data"], json!({ "uris": [], "username": "", "password": "" }));
    hosted.widget.respond(update, json!({})).await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
}

#[tokio::test]
async fn w14_a_page_that_reloads_watches_nothing_any_more() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available_for("first", seconds(600)));
    hosted.widget.expect_response(WATCH, json!({})).await;
    // The page goes without having acknowledged this.
    hosted.widget.receive_update().await;

    hosted.widget.expect_response("content_loaded", json!({})).await;
    hosted.script.answer(available_for("second", seconds(600)));
    hosted.widget.receives_nothing_for(seconds(5)).await;

    // A first watch again: it need not wait for the old page's acknowledgement.
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("first").await;
    assert_eq!(hosted.script.requests(), 1);
}

#[tokio::test]
async fn w14_a_page_that_loads_after_it_watches_goes_on_watching() {
    let hosted = Hosted::start(Provider::Deny).await;
    let capability = TurnServerCapability::new(hosted.turn.clone());
    let mut widget =
        Widget::start_with(settings_with(false), &capability, hosted.room.clone(), Provider::Grant);
    widget.negotiate_at_once(&[TURN]).await;
    hosted.script.answer(available_for("first", seconds(60)));
    hosted.script.answer(available_for("second", seconds(60)));
    widget.expect_response(WATCH, json!({})).await;
    widget.expect_update("first").await;
    widget.expect_response("content_loaded", json!({})).await;
    widget.expect_update("second").await;

    // And when it comes again, it is a reload.
    hosted.script.answer(available_for("third", seconds(60)));
    widget.expect_response("content_loaded", json!({})).await;
    widget.receives_nothing_for(seconds(600)).await;
}

#[tokio::test]
async fn w16_another_widgets_id_is_never_acted_on() {
    let mut hosted = Hosted::granted().await;
    for action in [WATCH, UNWATCH] {
        let request = json!({
            "api": "fromWidget",
            "widgetId": "another",
            "requestId": "1",
            "action": action,
            "data": {},
        });
        hosted.widget.send(&request).await;
    }
    hosted.widget.receives_nothing_for(seconds(60)).await;
    assert_eq!(hosted.script.requests(), 0);
    hosted.widget.expect_response(UNWATCH, json!({})).await;
}

#[tokio::test]
async fn w17_a_response_is_the_request_verbatim_plus_response() {
    let hosted = Hosted::granted().await;
    let request = format!(
        " {{\"x\":[1.0e0,\"\\u00e9\"], \"requestid\" : \"generated-id-1234\",\"widgetId\":\"{WIDGET_ID}\",\
         \"api\":\"fromWidget\",\"action\":\"unwatch_turn_servers\",\"data\": {{\"y\":null }} "
    );
    hosted.widget.send(format!("{request}}}\n")).await;
    assert_eq!(hosted.widget.receive_raw().await, format!("{request},\"response\":{{}}}}"));
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
async fn w18_a_second_response_to_the_same_request_counts_for_nothing() {
    let mut hosted = Hosted::start(Provider::Grant).await;
    let widget = &mut hosted.widget;
    widget.expect_response("content_loaded", json!({})).await;
    let request = widget.expect_request("capabilities").await;
    widget.respond(request.clone(), json!({ "capabilities": [] })).await;
    widget.respond(request, json!({ "capabilities": [TURN] })).await;
    let notify = widget.expect_request("notify_capabilities").await;
    assert_eq!(notify["data"]["approved"], json!([]));
    assert_eq!(widget.expect_error(WATCH).await, NOT_ALLOWED);
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
    assert_eq!(hosted.script.requests(), 0);

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
    let again = json!({
        "api": "fromWidget",
        "widgetId": WIDGET_ID,
        "requestId": "1",
        "action": WATCH,
        "data": {},
    });
    assert!(!hosted.widget.handle.send(again.to_string()), "no driver is running");
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(hosted.script.requests(), 1, "nothing is polled for it");
}

#[tokio::test]
async fn w20_a_driver_that_never_ran_is_no_driver() {
    let hosted = Hosted::start(Provider::Grant).await;
    let (driver, handle) =
        TurnServerCapability::new(hosted.turn.clone()).widget_driver(tests::widget::settings());
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

/// A client's own provider, as it is before it adds this crate.
struct ExistingProvider;

impl CapabilitiesProvider for ExistingProvider {
    async fn acquire_capabilities(&self, requested: Capabilities) -> Capabilities {
        requested
    }
}

#[tokio::test]
async fn an_existing_clients_code_compiles_with_the_two_types_swapped() {
    let hosted = Hosted::start(Provider::Grant).await;
    let (driver, handle) =
        TurnServerCapability::new(hosted.turn.clone()).widget_driver(tests::widget::settings());
    let running = tokio::spawn(driver.run(hosted.room.clone(), ExistingProvider));

    // As with matrix-sdk 0.18.
    let sent: bool = handle.send("not JSON".to_owned()).await;
    assert!(sent);
    // As with matrix-sdk 0.19.
    handle.send("not JSON".to_owned());
    if !handle.send("not JSON".to_owned()) {
        panic!("the driver is running");
    }
    running.abort();
}
