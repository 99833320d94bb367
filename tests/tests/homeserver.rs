//! The homeserver as a source, over HTTP: every row of the table of answers, and what a broken or
//! hostile homeserver may send.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use matrix_sdk_turn::{
    Answer, HomeserverSource, Timestamp, TurnServerSource, TurnService, Unavailable,
    UnavailableReason,
};
use serde_json::{Value, json};
use tests::homeserver::{Homeserver, matrix_error, turn_servers};
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{method, path},
};

/// One request to a homeserver that answers like this. It must not be retried.
async fn fetch(response: ResponseTemplate) -> Result<Answer, Unavailable> {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(response).await;
    let answer = HomeserverSource::new(&homeserver.client).fetch().await;
    assert_eq!(homeserver.turn_server_requests().await, 1, "one request is one attempt");
    answer
}

async fn reason(response: ResponseTemplate) -> UnavailableReason {
    fetch(response).await.unwrap_err().reason()
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn answer_200_complete_is_available() {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(turn_servers("alice", 3600)).await;
    let turn = TurnService::new(&homeserver.client);

    let server = turn.get().await.unwrap();
    assert_eq!(server.uris().len(), 2);
    assert_eq!((server.username(), server.password()), ("alice", "turn-s3cret"));
    let left = server.valid_for(Timestamp::now()).unwrap();
    assert!(left <= Duration::from_secs(3600) && left > Duration::from_secs(3500), "{left:?}");

    assert_eq!(turn.get().await.unwrap(), server, "from the cache");
    assert_eq!(homeserver.turn_server_requests().await, 1);
}

#[tokio::test]
async fn f1_answer_200_with_an_empty_object_is_not_configured() {
    assert_eq!(reason(ok(json!({}))).await, UnavailableReason::NotConfigured);
}

#[tokio::test]
async fn f2_answer_200_with_no_uris_is_not_configured() {
    let empty = json!({ "username": "", "password": "", "uris": [], "ttl": 86400 });
    assert_eq!(reason(ok(empty)).await, UnavailableReason::NotConfigured);
}

#[tokio::test]
async fn f2_answers_404_405_and_m_unrecognized_are_not_configured() {
    for response in [
        matrix_error(404, "M_NOT_FOUND", json!({})),
        matrix_error(404, "M_UNRECOGNIZED", json!({})),
        matrix_error(400, "M_UNRECOGNIZED", json!({})),
        matrix_error(405, "M_UNRECOGNIZED", json!({})),
    ] {
        assert_eq!(reason(response).await, UnavailableReason::NotConfigured);
    }
}

#[tokio::test]
async fn f17_only_a_matrix_error_speaks_for_the_homeserver() {
    let foreign = [
        json!({ "error": "default backend - 404" }),
        json!({ "errcode": 404, "error": "not a string" }),
        json!([]),
    ];
    for status in [401, 403, 404, 405] {
        for body in &foreign {
            let response = ResponseTemplate::new(status).set_body_json(body);
            assert_eq!(reason(response).await, UnavailableReason::Unreachable, "{status} {body}");
        }
        let page = ResponseTemplate::new(status).set_body_string("<html>default backend - 404");
        let unavailable = fetch(page).await.unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::Unreachable, "{status}");
        assert!(unavailable.to_string().contains(&format!("HTTP status {status}")));
        assert_eq!(reason(ResponseTemplate::new(status)).await, UnavailableReason::Unreachable);
    }
}

#[tokio::test]
async fn f17_an_error_page_at_a_refresh_withdraws_nothing() {
    let homeserver = Homeserver::start().await;
    let turn = TurnService::new(&homeserver.client);
    let alice = homeserver.serve_turn_servers(turn_servers("alice", 3600)).await;
    let mut states = turn.subscribe();
    let server = states.next().await.unwrap().into_result().unwrap();
    drop(alice);

    let page = ResponseTemplate::new(404).set_body_string("<html>default backend - 404");
    let page = homeserver.serve_turn_servers(page).await;
    turn.report_rejected(&server);
    assert_eq!(turn.get().await, Ok(server), "it is all there is, and has 59 minutes left");
    assert_eq!(turn.last_failure().unwrap().reason(), UnavailableReason::Unreachable);
    assert!(turn.next_request_in().unwrap() <= Duration::from_secs(60));
    drop(page);
}

#[tokio::test]
async fn f3_answer_200_with_a_turn_uri_and_no_password_is_misconfigured() {
    let body = json!({ "username": "", "password": "", "uris": ["turn:a"], "ttl": 86400 });
    let unavailable = fetch(ok(body)).await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Misconfigured);
    assert!(unavailable.to_string().contains("without username or password"), "{unavailable}");
}

#[tokio::test]
async fn answer_200_of_another_shape_is_transient() {
    let complete = json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": 60 });
    for (field, value) in [
        ("ttl", json!(-1)),
        ("ttl", json!(0.5)),
        ("ttl", json!("soon")),
        ("uris", json!({})),
        ("password", json!(123_456_789)),
    ] {
        let mut body = complete.clone();
        body[field] = value;
        assert_eq!(reason(ok(body)).await, UnavailableReason::Unreachable);
    }
    for body in ["", "<html>", "{", "null", "[]", "\"turn:a\""] {
        let response = ResponseTemplate::new(200).set_body_string(body);
        assert_eq!(reason(response).await, UnavailableReason::Unreachable);
    }
}

#[tokio::test]
async fn answer_200_with_megabytes_of_uris_is_transient() {
    let uris = vec!["turn:turn.example.org"; 200_000];
    let body = json!({ "username": "u", "password": "p", "uris": uris, "ttl": 60 });
    let unavailable = fetch(ok(body)).await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
    assert!(unavailable.to_string().contains("bytes"), "{unavailable}");
}

#[tokio::test]
async fn s13_a_ttl_beyond_30_days_counts_as_30_days() {
    for ttl in [u64::MAX, 31 * 24 * 3600] {
        let homeserver = Homeserver::start().await;
        homeserver.answer_turn_servers(turn_servers("alice", ttl)).await;
        let server = TurnService::new(&homeserver.client).get().await.unwrap();
        let days = server.valid_for(Timestamp::now()).unwrap().as_secs_f64() / 86_400.0;
        assert!((29.9..=30.0).contains(&days), "{days}");
    }
}

#[tokio::test]
async fn s03_a_ttl_of_zero_is_usable_for_an_unknown_time() {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(turn_servers("alice", 0)).await;
    let server = TurnService::new(&homeserver.client).get().await.unwrap();
    assert_eq!(server.valid_for(Timestamp::now()), None);
    assert!(!server.is_expired(Timestamp::now()));
}

#[tokio::test]
async fn answer_401_is_logged_out_and_with_soft_logout_it_is_not_the_end() {
    let soft = json!({ "soft_logout": true });
    for (more, expected) in
        [(soft, UnavailableReason::SoftLoggedOut), (json!({}), UnavailableReason::LoggedOut)]
    {
        let unavailable = fetch(matrix_error(401, "M_UNKNOWN_TOKEN", more)).await.unwrap_err();
        assert_eq!(unavailable.reason(), expected);
        assert_eq!(unavailable.matrix_error().unwrap().errcode, "M_UNKNOWN_TOKEN");
    }
    // The request had one, so this is not the end either.
    let missing = matrix_error(401, "M_MISSING_TOKEN", json!({}));
    assert_eq!(reason(missing).await, UnavailableReason::Unreachable);
    // An account that is locked may be unlocked.
    let locked = matrix_error(401, "M_USER_LOCKED", json!({ "soft_logout": true }));
    assert_eq!(reason(locked).await, UnavailableReason::Forbidden);
}

/// Homeservers that delegate authentication answer an expired token like this.
#[tokio::test]
async fn answer_401_without_soft_logout_is_not_the_end_of_a_session_with_a_refresh_token() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    homeserver.answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({}))).await;
    let source = HomeserverSource::new(&homeserver.client);
    let unavailable = source.fetch().await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::SoftLoggedOut);
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_asked_with_again() {
    let homeserver = Homeserver::start_and_let_the_app_refresh_tokens().await;
    homeserver
        .answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({ "soft_logout": true })))
        .await;
    let source = HomeserverSource::new(&homeserver.client);
    for _ in 0..10 {
        let unavailable = source.fetch().await.unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::SoftLoggedOut);
        assert_eq!(unavailable.matrix_error().unwrap().errcode, "M_UNKNOWN_TOKEN");
    }
    assert_eq!(homeserver.turn_server_requests().await, 1);
}

#[tokio::test]
async fn answer_403_is_forbidden_and_keeps_the_matrix_error() {
    let unavailable = fetch(matrix_error(403, "M_FORBIDDEN", json!({}))).await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Forbidden);
    let error = unavailable.matrix_error().unwrap();
    assert_eq!((error.status, error.errcode.as_str()), (403, "M_FORBIDDEN"));
    assert_eq!(error.message, "in the homeserver's words");
}

#[tokio::test]
async fn answer_429_is_rate_limited_and_keeps_the_retry_after() {
    let limit = |more| matrix_error(429, "M_LIMIT_EXCEEDED", more);
    let unavailable = fetch(limit(json!({ "retry_after_ms": 4_500 }))).await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::RateLimited);
    assert_eq!(unavailable.retry_after(), Some(Duration::from_millis(4_500)));

    let header = limit(json!({})).insert_header("retry-after", "120");
    assert_eq!(fetch(header).await.unwrap_err().retry_after(), Some(Duration::from_secs(120)));

    let unavailable = fetch(ResponseTemplate::new(429).set_body_string("slow down")).await;
    let unavailable = unavailable.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::RateLimited);
    assert_eq!(unavailable.retry_after(), None);
}

#[tokio::test]
async fn f10_answers_5xx_are_transient_and_not_retried_by_the_sdk() {
    for response in [
        matrix_error(500, "M_UNKNOWN", json!({})),
        ResponseTemplate::new(502).set_body_string("<html>Bad Gateway"),
        ResponseTemplate::new(503),
        ResponseTemplate::new(520),
    ] {
        assert_eq!(reason(response).await, UnavailableReason::Unreachable);
    }
}

#[tokio::test]
async fn a_homeserver_that_is_gone_is_transient() {
    let homeserver = Homeserver::start().await;
    homeserver.room().await;
    let source = HomeserverSource::new(&homeserver.client);
    let Homeserver { server, client: _client } = homeserver;
    drop(server);
    assert_eq!(source.fetch().await.unwrap_err().reason(), UnavailableReason::Unreachable);
}

#[tokio::test]
async fn f10_the_versions_are_not_retried_by_the_sdk_either() {
    let homeserver = Homeserver::start().await;
    homeserver.server.reset().await;
    Mock::given(method("GET"))
        .and(path("/_matrix/client/versions"))
        .respond_with(ResponseTemplate::new(502))
        .mount(&homeserver.server)
        .await;
    let unavailable = HomeserverSource::new(&homeserver.client).fetch().await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
    // With retries, it would be that there was no answer in time.
    assert!(unavailable.to_string().contains("HTTP status 502"), "{unavailable}");
}

#[tokio::test]
async fn the_matrix_error_keeps_further_fields() {
    let more = json!({ "org.example.hint": "ask the admin" });
    let unavailable = fetch(matrix_error(403, "ORG.EXAMPLE.NO", more)).await.unwrap_err();
    let response = &unavailable.matrix_error().unwrap().response;
    assert_eq!(response["errcode"], "ORG.EXAMPLE.NO");
    assert_eq!(response["org.example.hint"], "ask the admin");
}

#[tokio::test]
async fn answer_401_after_a_successful_token_refresh_is_a_soft_logout() {
    let homeserver = Homeserver::start_with_refresh_token().await;
    Mock::given(method("GET"))
        .and(path("/_matrix/client/v3/voip/turnServer"))
        .respond_with(matrix_error(401, "M_UNKNOWN_TOKEN", json!({})))
        // Two, and two more: the token is another one now.
        .expect(4)
        .mount(&homeserver.server)
        .await;
    Mock::given(method("POST"))
        .and(path("/_matrix/client/v3/refresh"))
        .respond_with(ok(json!({ "access_token": "fresh", "expires_in_ms": 60_000 })))
        .expect(2)
        .mount(&homeserver.server)
        .await;
    let source = HomeserverSource::new(&homeserver.client);
    for _ in 0..3 {
        let unavailable = source.fetch().await.unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::SoftLoggedOut);
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_takes_no_access_token_there() {
    let elsewhere = wiremock::MockServer::builder().start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(turn_servers("elsewhere", 60))
        .mount(&elsewhere)
        .await;
    let homeserver = Homeserver::start().await;
    let elsewhere_uri = elsewhere.uri().replace("127.0.0.1", "localhost");
    let redirect = ResponseTemplate::new(307).insert_header("location", &*elsewhere_uri);
    homeserver.answer_turn_servers(redirect).await;
    let _ = HomeserverSource::new(&homeserver.client).fetch().await;
    for request in elsewhere.received_requests().await.unwrap() {
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_homeserver_that_redirects_for_ever_is_transient() {
    let homeserver = Homeserver::start().await;
    let to_itself = "/_matrix/client/v3/voip/turnServer";
    homeserver
        .answer_turn_servers(ResponseTemplate::new(307).insert_header("location", to_itself))
        .await;
    let unavailable = HomeserverSource::new(&homeserver.client).fetch().await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
    assert!(homeserver.turn_server_requests().await <= 11);
}

/// The one test that waits for real: a request takes 8 s to time out, over a real connection.
#[tokio::test]
async fn a_homeserver_that_hangs_is_transient_after_8_seconds() {
    let homeserver = Homeserver::start().await;
    let late = turn_servers("late", 60).set_delay(Duration::from_secs(60));
    homeserver.answer_turn_servers(late).await;

    let asked = std::time::Instant::now();
    let unavailable = HomeserverSource::new(&homeserver.client).fetch().await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
    assert!(asked.elapsed() >= Duration::from_secs(8));
}

#[tokio::test]
async fn an_access_token_that_expired_is_refreshed_by_the_sdk() {
    let homeserver = Homeserver::start_with_refresh_token().await;
    homeserver
        .answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({ "soft_logout": true })))
        .await;
    Mock::given(method("POST"))
        .and(path("/_matrix/client/v3/refresh"))
        .respond_with(ok(json!({ "access_token": "fresh", "expires_in_ms": 60_000 })))
        .expect(1)
        .mount(&homeserver.server)
        .await;
    Mock::given(method("GET"))
        .and(path("/_matrix/client/v3/voip/turnServer"))
        .and(wiremock::matchers::header("authorization", "Bearer fresh"))
        .respond_with(turn_servers("alice", 60))
        .mount(&homeserver.server)
        .await;

    let answer = HomeserverSource::new(&homeserver.client).fetch().await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn an_access_token_that_cannot_be_refreshed_is_logged_out_only_if_it_was_refused() {
    for (status, expected) in
        [(403, UnavailableReason::LoggedOut), (502, UnavailableReason::Unreachable)]
    {
        let homeserver = Homeserver::start_with_refresh_token().await;
        homeserver.answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({}))).await;
        Mock::given(method("POST"))
            .and(path("/_matrix/client/v3/refresh"))
            .respond_with(matrix_error(status, "M_FORBIDDEN", json!({})))
            .mount(&homeserver.server)
            .await;
        let unavailable = HomeserverSource::new(&homeserver.client).fetch().await.unwrap_err();
        assert_eq!(unavailable.reason(), expected, "{unavailable}");
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_one_request_behind_and_the_next_waits_for_it() {
    let homeserver = Homeserver::start().await;
    let slow = turn_servers("alice", 60).set_delay(Duration::from_millis(300));
    homeserver.answer_turn_servers(slow).await;
    let source = HomeserverSource::new(&homeserver.client);

    let gave_up = tokio::time::timeout(Duration::from_millis(100), source.fetch()).await;
    assert!(gave_up.is_err());
    let answer = source.fetch().await.unwrap();
    assert_eq!(answer.server().username(), "alice");
    assert_eq!(homeserver.turn_server_requests().await, 2);
}
