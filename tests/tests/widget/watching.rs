//! W7 to W10, W14, W17 and W21: `watch_turn_servers`, `unwatch_turn_servers`, and how they are answered.

use matrix_sdk_turn::{TurnServerCapability, UnavailableReason};
use serde_json::json;
use tests::{
    source::{available, available_for, forbidden, unavailable},
    widget::{Hosted, Provider, TURN, WIDGET_ID, Widget, settings_with},
};

use super::{UNWATCH, WATCH, seconds};

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
async fn w21_the_homeserver_is_asked_when_turn_is_granted() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.widget.receives_nothing_for(seconds(2)).await;
    assert_eq!(hosted.script.requests(), 1);

    let asked = tokio::time::Instant::now();
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("first").await;
    assert_eq!(asked.elapsed(), seconds(0), "they are there already");
    assert_eq!(hosted.script.requests(), 1);
}

#[tokio::test]
async fn w21_the_subscription_of_a_widget_that_does_not_watch_ends_after_10_seconds() {
    let hosted = Hosted::granted().await;
    hosted.widget.receives_nothing_for(seconds(9)).await;
    assert_eq!(hosted.turn.status().subscribers, 1);
    hosted.widget.receives_nothing_for(seconds(2)).await;
    assert_eq!(hosted.turn.status().subscribers, 0);
}

#[tokio::test]
async fn w21_a_widget_that_watches_within_10_seconds_keeps_the_subscription() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.widget.receives_nothing_for(seconds(9)).await;
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("first").await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
    assert_eq!((hosted.turn.status().subscribers, hosted.script.requests()), (1, 1));
}

#[tokio::test]
async fn w21_a_widget_that_is_denied_turn_costs_no_request() {
    let mut hosted = Hosted::start(Provider::Deny).await;
    hosted.widget.negotiate(&[TURN]).await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
    assert_eq!(hosted.script.requests(), 0);
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
    hosted.widget.receives_nothing_for(seconds(1)).await;
    assert_eq!(hosted.turn.status().subscribers, 0, "the grant's subscription has ended");
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
async fn w14_a_second_content_loaded_keeps_the_watch() {
    let mut hosted = Hosted::granted().await;
    for name in ["first", "second", "third"] {
        hosted.script.answer(available_for(name, seconds(60)));
    }
    hosted.widget.expect_response(WATCH, json!({})).await;
    for name in ["first", "second", "third"] {
        hosted.widget.expect_update(name).await;
        hosted.widget.expect_response("content_loaded", json!({})).await;
    }
}

#[tokio::test]
async fn w14_a_page_that_loads_again_has_the_credentials_as_soon_as_it_watches() {
    let mut hosted = Hosted::watching().await;
    hosted.widget.expect_response("content_loaded", json!({})).await;
    hosted.widget.receives_nothing_for(seconds(5)).await;

    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.expect_update("first").await;
    assert_eq!(hosted.script.requests(), 1);

    // W9 holds for the new page as well.
    hosted.widget.expect_response(WATCH, json!({})).await;
    hosted.widget.receives_nothing_for(seconds(60)).await;
}

#[tokio::test]
async fn w14_a_new_page_need_not_wait_for_the_old_ones_acknowledgement() {
    let mut hosted = Hosted::granted().await;
    hosted.script.answer(available("first"));
    hosted.widget.expect_response(WATCH, json!({})).await;
    let (old_update, _) = hosted.widget.receive_update().await;

    hosted.widget.expect_response("content_loaded", json!({})).await;
    let watched = tokio::time::Instant::now();
    hosted.widget.expect_response(WATCH, json!({})).await;
    let (update, username) = hosted.widget.receive_update().await;
    assert_eq!((&*username, watched.elapsed()), ("first", seconds(0)));
    assert_ne!(update["requestId"], old_update["requestId"]);
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
}
