//! W11 to W13: which updates are sent, when, and what is in them.

use futures::FutureExt;
use matrix_sdk_turn::{TurnServer, UnavailableReason};
use serde_json::json;
use tests::{
    clock::HandMovedClock,
    source::{available, available_for, unavailable},
    widget::{Hosted, Provider, TURN, WIDGET_ID},
};

use super::{WATCH, seconds};

/// The machine sleeps while a request is under way, whose answer says that credentials which have
/// expired hold for longer.
#[tokio::test]
async fn w11_credentials_that_expired_unsent_are_sent_once_they_are_confirmed() {
    let clock = HandMovedClock::start();
    let mut hosted =
        Hosted::start_by(|turn| turn.clock(clock.clone()), Provider::Grant, |it| it).await;
    hosted.widget.negotiate(&[TURN]).await;
    hosted.script.answer(available_for("static", seconds(60)));
    hosted.widget.expect_response(WATCH, json!({})).await;
    tokio::time::sleep(seconds(15)).await;
    hosted.turn.refresh();
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(hosted.script.requests(), 2);

    clock.sleep(seconds(50));
    assert_eq!(hosted.widget.handle.recv().now_or_never(), None, "it has expired");
    hosted.script.answer(available_for("static", seconds(600)));
    hosted.widget.expect_update("static").await;
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

/// A widget that watches at a homeserver without TURN servers, in a client that has a STUN server of its
/// own and whose user wants it used.
async fn watching_with_own_servers(fallback_for_widgets: bool) -> Hosted {
    let own = TurnServer::new(vec!["stun:stun.example.org".to_owned()], "", "");
    let mut hosted = Hosted::start_by(
        |turn| turn.fallback(own).unwrap(),
        Provider::Grant,
        |capability| capability.fallback_for_widgets(fallback_for_widgets),
    )
    .await;
    hosted.turn.use_fallback(true);
    hosted.widget.negotiate(&[TURN]).await;
    hosted.script.answer(unavailable(UnavailableReason::NotConfigured));
    hosted
}

#[tokio::test]
async fn w13_the_clients_own_servers_are_not_for_widgets() {
    let mut hosted = watching_with_own_servers(false).await;
    let error = hosted.widget.expect_error(WATCH).await;
    assert!(error.contains("the homeserver offers no TURN server"), "{error}");
    assert_eq!(hosted.turn.get().await.unwrap().uris(), ["stun:stun.example.org"]);
    hosted.widget.receives_nothing_for(seconds(60)).await;
}

#[tokio::test]
async fn w13_the_clients_own_servers_are_for_widgets_if_the_client_says_so() {
    let mut hosted = watching_with_own_servers(true).await;
    hosted.widget.expect_response(WATCH, json!({})).await;
    let (update, _) = hosted.widget.receive_update().await;
    assert_eq!(update["data"]["uris"], json!(["stun:stun.example.org"]));
}
