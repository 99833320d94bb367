//! Neither a password nor an access token is ever seen in a log at TRACE, a `Debug` or an error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use matrix_sdk_turn::{
    Answer, CapabilitiesWithTurn, ClientStore, Deadline, DenyTurnServers, GrantTurnServers,
    HomeserverSource, MatrixError, RefreshPolicy, SessionEvent, SystemClock, Timestamp, TurnServer,
    TurnServerCapability, TurnServerSource, TurnService, TurnState, Unavailable, UnavailableReason,
};
use serde_json::json;
use tests::{
    homeserver::{ACCESS_TOKEN, Homeserver, turn_servers},
    log::Log,
    source::scripted,
    widget::{PlainProvider, Provider, TURN, Widget, settings as widget_settings},
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
    assert!(
        text.contains("starting new connection"),
        "those of reqwest, which has no tracing, too"
    );
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

/// Their `Debug` names a variant, and not the type.
const ENUMS: [&str; 7] = [
    "IceScheme",
    "IceTransport",
    "InvalidIceUri",
    "SessionEvent",
    "TurnState",
    "TurnStateKind",
    "UnavailableReason",
];

/// As text, by the trait that does it and the type's name.
type Shown = BTreeMap<(&'static str, &'static str), String>;

#[tokio::test]
async fn no_secret_is_in_the_debug_or_display_of_any_public_type() {
    let homeserver = Homeserver::start().await;
    let mut shown = errors();
    shown.extend(credentials());
    shown.extend(services(&homeserver).await);
    shown.extend(widgets(&homeserver).await);
    shown.extend(settings());
    for ((of, name), text) in &shown {
        let says = if ENUMS.contains(name) || *of == "Display" { "" } else { name };
        assert!(!text.is_empty() && text.contains(says), "{of} of {name}: {text}");
        for secret in [PASSWORD, USERNAME, ACCESS_TOKEN] {
            assert!(!text.contains(secret), "{secret} in {of} of {name}: {text}");
        }
    }
    let missing: Vec<_> = public_types().filter(|it| !shown.contains_key(it)).collect();
    assert_eq!(missing, []);
}

/// Those of the public API that can be shown.
fn public_types() -> impl Iterator<Item = (&'static str, &'static str)> {
    let api = include_str!("../../crates/matrix-sdk-turn/api.txt");
    api.lines().filter(|line| line.starts_with("impl")).filter_map(|line| {
        let (before, name) = line.split_once(" for matrix_sdk_turn::")?;
        let of = before.rsplit_once("core::fmt::")?.1;
        Some((of, name.split(|c: char| !c.is_alphanumeric()).next()?))
    })
}

/// With a URI that cannot be used, and has secrets in it.
fn server() -> TurnServer {
    let unusable = format!("turn:{USERNAME}:{PASSWORD}@turn.example.org");
    let uris = vec!["turn:turn.example.org".to_owned(), unusable];
    TurnServer::new(uris, USERNAME, PASSWORD)
}

fn answer() -> Result<Answer, Unavailable> {
    Answer::new(server(), Duration::from_secs(3600))
}

fn errors() -> Shown {
    let invalid_uri = server().left_out()[0].reason;
    let error = MatrixError::new(401, "M_UNKNOWN_TOKEN", "no such token");
    let why = Unavailable::from(UnavailableReason::LoggedOut).with_matrix_error(error.clone());
    let (source, _) = scripted();
    let nowhere = TurnServer::new(vec![format!("turn:{PASSWORD}@a")], USERNAME, PASSWORD);
    let unusable = Answer::new(nowhere.clone(), Duration::ZERO).unwrap_err();
    let fallback = TurnService::builder(source).fallback(nowhere).unwrap_err();
    let policy = RefreshPolicy::builder().jitter(2.0).build().unwrap_err();
    Shown::from([
        (("Debug", "InvalidIceUri"), format!("{invalid_uri:?}")),
        (("Display", "InvalidIceUri"), invalid_uri.to_string()),
        (("Debug", "MatrixError"), format!("{error:?}")),
        (("Display", "MatrixError"), error.to_string()),
        (("Debug", "Unavailable"), format!("{why:?} {unusable:?}")),
        (("Display", "Unavailable"), format!("{why} {unusable}")),
        (("Debug", "UnavailableReason"), format!("{:?}", why.reason())),
        (("Debug", "InvalidFallback"), format!("{fallback:?}")),
        (("Display", "InvalidFallback"), fallback.to_string()),
        (("Debug", "InvalidPolicy"), format!("{policy:?}")),
        (("Display", "InvalidPolicy"), policy.to_string()),
    ])
}

fn credentials() -> Shown {
    let server = server();
    let uri = server.ice_uris().next().unwrap();
    let gstreamer = server.gstreamer_turn_servers();
    let libdatachannel = server.libdatachannel_ice_servers();
    let endpoints: Vec<_> = server.turn_endpoints().collect();
    let available = TurnState::Available(server.clone());
    let why = UnavailableReason::NotConfigured.into();
    let fallback = TurnState::Fallback { servers: server.clone(), why };
    Shown::from([
        (("Debug", "TurnServer"), format!("{server:?} {server:#?}")),
        (("Debug", "LeftOutUri"), format!("{:?}", server.left_out())),
        (("Debug", "IceUri"), format!("{uri:?}")),
        (("Display", "IceUri"), uri.to_string()),
        (("Debug", "IceScheme"), format!("{:?}", uri.scheme())),
        (("Debug", "IceTransport"), format!("{:?}", uri.transport())),
        (("Debug", "IceServer"), format!("{:?}", fallback.to_ice_servers())),
        (("Debug", "RtcIceServer"), format!("{:?}", available.ice_servers())),
        (("Debug", "SecretUri"), format!("{gstreamer:?} {libdatachannel:?}")),
        (("Debug", "TurnEndpoint"), format!("{endpoints:?}")),
        (("Debug", "TurnState"), format!("{available:?} {fallback:?}")),
        (("Debug", "Answer"), format!("{:?}", answer())),
    ])
}

async fn services(homeserver: &Homeserver) -> Shown {
    let (source, script) = scripted();
    script.answer(answer());
    let store = ClientStore::new(&homeserver.client);
    let shown_store = format!("{store:?}");
    let builder = TurnService::builder(source).persist(store).fallback(server()).unwrap();
    let built = format!("{builder:?}");
    let turn = builder.build();
    let mut states = turn.subscribe();
    states.next().await.unwrap();
    let status = turn.status();
    Shown::from([
        (("Debug", "ClientStore"), shown_store),
        (("Debug", "HomeserverSource"), format!("{:?}", HomeserverSource::new(&homeserver.client))),
        (("Debug", "Refresh"), format!("{:?}", turn.refresh())),
        (("Debug", "TurnServiceBuilder"), built),
        (("Debug", "TurnService"), format!("{turn:?}")),
        (("Debug", "TurnStates"), format!("{states:?}")),
        (("Debug", "TurnStateKind"), format!("{:?}", status.state)),
        (("Debug", "TurnStatus"), format!("{status:?}")),
    ])
}

async fn widgets(homeserver: &Homeserver) -> Shown {
    let (source, script) = scripted();
    script.answer(answer());
    let capability = TurnServerCapability::new(TurnService::builder(source).build());
    let (driver, _) = capability.widget_driver(widget_settings());
    let mut widget = Widget::start(&capability, homeserver.room().await, Provider::Grant);
    widget.negotiate(&[TURN]).await;
    let sent = widget.handle.send(String::new());
    let requested = CapabilitiesWithTurn::default();
    Shown::from([
        (("Debug", "CapabilitiesWithTurn"), format!("{requested:?}")),
        (("Debug", "DenyTurnServers"), format!("{:?}", DenyTurnServers(PlainProvider))),
        (("Debug", "GrantTurnServers"), format!("{:?}", GrantTurnServers(PlainProvider))),
        (("Debug", "Sent"), format!("{sent:?}")),
        (("Debug", "TurnServerCapability"), format!("{capability:?}")),
        (("Debug", "TurnWidgetDriver"), format!("{driver:?}")),
        (("Debug", "TurnWidgetDriverHandle"), format!("{:?}", widget.handle)),
    ])
}

fn settings() -> Shown {
    let now = Timestamp::now();
    let policy = RefreshPolicy::builder();
    Shown::from([
        (("Debug", "Deadline"), format!("{:?}", Deadline::after(now, Duration::ZERO))),
        (("Debug", "RefreshPolicy"), format!("{:?}", RefreshPolicy::default())),
        (("Debug", "RefreshPolicyBuilder"), format!("{policy:?}")),
        (("Debug", "SessionEvent"), format!("{:?}", SessionEvent::Ended)),
        (("Debug", "SystemClock"), format!("{:?}", SystemClock)),
        (("Debug", "Timestamp"), format!("{now:?}")),
    ])
}

#[tokio::test]
async fn no_secret_is_in_a_log_or_error_when_an_answer_is_broken() {
    let complete =
        json!({ "username": USERNAME, "password": PASSWORD, "uris": ["turn:a"], "ttl": 60 });
    let mut broken = Vec::new();
    for field in ["username", "password", "uris"] {
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
