//! Neither a password nor an access token is ever seen in a log at TRACE, a `Debug` or an error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use matrix_sdk_turn::{
    Answer, ClientStore, HomeserverSource, TurnServer, TurnServerCapability, TurnServerSource,
    TurnService, TurnState, Unavailable, UnavailableReason,
};
use serde_json::json;
use tests::{
    homeserver::{ACCESS_TOKEN, Homeserver, turn_servers},
    log::Log,
    source::scripted,
    widget::{Provider, TURN, Widget},
};
use wiremock::ResponseTemplate;

const PASSWORD: &str = "turn-s3cret";
const USERNAME: &str = "1443779631:@alice:localhost";

#[tokio::test]
async fn no_secret_is_in_a_log_at_trace() {
    let (log, _guard) = Log::record();
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(turn_servers(USERNAME, 3600)).await;
    let room = homeserver.room().await;
    let turn = TurnService::new(&homeserver.client);
    let capability = TurnServerCapability::new(turn.clone());

    let mut widget = Widget::start(&capability, room, Provider::Grant);
    widget.negotiate(&[TURN]).await;
    widget.expect_response("watch_turn_servers", json!({})).await;
    widget.expect_update(USERNAME).await;
    let state = turn.subscribe().next().await.unwrap();
    turn.report_rejected(state.available().unwrap());
    tokio::time::timeout(Duration::from_secs(5), async {
        while homeserver.turn_server_requests().await < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    widget.expect_response("unwatch_turn_servers", json!({})).await;

    let text = log.text();
    assert!(text.contains("turn.example.org"), "our own events are there");
    for secret in [PASSWORD, USERNAME, ACCESS_TOKEN] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }

    let debugs = format!(
        "{state:?} {:?} {:?} {:?} {:?} {:?} {turn:?} {capability:?} {:?} {:?}",
        state.ice_servers(),
        state.to_ice_servers(),
        state.gstreamer_turn_servers(),
        state.libdatachannel_ice_servers(),
        state.turn_endpoints().collect::<Vec<_>>(),
        widget.handle,
        HomeserverSource::new(&homeserver.client)
    );
    for secret in [PASSWORD, USERNAME, ACCESS_TOKEN] {
        assert!(!debugs.contains(secret), "{secret} in {debugs}");
    }
}

/// Of everything public that holds credentials, or is made from them.
#[tokio::test]
async fn no_secret_is_in_a_debug() {
    let unusable = format!("turn:{USERNAME}:{PASSWORD}@turn.example.org");
    let server = || {
        let uris = vec!["turn:turn.example.org".to_owned(), unusable.clone()];
        TurnServer::new(uris, USERNAME, PASSWORD)
    };
    let answer = || Answer::new(server(), Duration::from_secs(3600));
    let homeserver = Homeserver::start().await;
    let (source, script) = scripted();
    script.answer(answer());
    let builder = TurnService::builder(source)
        .persist(ClientStore::new(&homeserver.client))
        .fallback(server())
        .unwrap();
    let built = format!("{builder:?}");
    let turn = builder.build();
    let mut states = turn.subscribe();
    let available = states.next().await.unwrap();
    let held = turn.get().await.unwrap();
    let why = Unavailable::from(UnavailableReason::NotConfigured);
    let fallback = TurnState::Fallback { servers: server(), why: why.clone() };

    let debugs = [
        built,
        format!("{turn:?} {states:?} {:?} {:?}", turn.refresh(), turn.status()),
        format!("{held:?} {held:#?} {:?} {:?}", held.left_out(), held.ice_uris().next()),
        format!("{available:?} {:?} {fallback:?} {:?}", available.ice_servers(), answer()),
        format!("{:?}", fallback.clone().into_result()),
        format!("{:?} {:?}", held.to_ice_servers(), fallback.to_ice_servers()),
        format!("{:?}", held.gstreamer_turn_servers()),
        format!("{:?}", held.libdatachannel_ice_servers()),
        format!("{:?}", held.turn_endpoints().collect::<Vec<_>>()),
        format!("{:?} {}", ClientStore::new(&homeserver.client), held.left_out()[0].reason),
        format!("{:?} {why} {why:?}", TurnServerCapability::new(turn.clone())),
    ];
    for debug in debugs {
        for secret in [PASSWORD, USERNAME, ACCESS_TOKEN] {
            assert!(!debug.contains(secret), "{secret} in {debug}");
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_a_log_or_error_when_an_answer_is_broken() {
    let complete =
        json!({ "username": USERNAME, "password": PASSWORD, "uris": ["turn:a"], "ttl": 60 });
    let mut broken = Vec::new();
    for field in ["username", "password", "uris", "ttl"] {
        let mut answer = complete.clone();
        answer[field] = json!(PASSWORD);
        if field == "password" {
            answer[field] = json!(1_234_567_890);
        }
        if field != "username" {
            broken.push(answer.to_string());
        }
        answer.as_object_mut().unwrap().remove(field);
        broken.push(answer.to_string());
    }
    broken.push(complete.to_string() + PASSWORD);
    broken.push(format!("\"{PASSWORD}\""));

    let (log, _guard) = Log::record();
    for answer in broken {
        let homeserver = Homeserver::start().await;
        homeserver.answer_turn_servers(ResponseTemplate::new(200).set_body_string(&*answer)).await;
        let unavailable = HomeserverSource::new(&homeserver.client).fetch().await.unwrap_err();
        let error = format!("{unavailable} {unavailable:?}");
        for secret in [PASSWORD, USERNAME, ACCESS_TOKEN, "1234567890"] {
            assert!(!error.contains(secret), "{secret} in {error}");
            let text = log.text();
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} for {answer}");
        }
    }
}
