//! How the homeserver is asked: tokens, redirects, timeouts.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

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
async fn a_token_that_was_not_refused_is_asked_with_again() {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(ResponseTemplate::new(502)).await;
    let source = HomeserverSource::new(&homeserver.client);
    for _ in 0..2 {
        let unavailable = source.fetch().await.unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
    }
    assert_eq!(homeserver.turn_server_requests().await, 2);
}

#[tokio::test]
async fn a_homeserver_that_refuses_each_new_token_is_not_asked_for_ever() {
    let homeserver = Homeserver::start_with_refresh_token().await;
    Mock::given(method("GET"))
        .and(path("/_matrix/client/v3/voip/turnServer"))
        .respond_with(matrix_error(401, "M_UNKNOWN_TOKEN", json!({})))
        // With three tokens, and with the one that the SDK got for each.
        .expect(6)
        .mount(&homeserver.server)
        .await;
    let refreshes = AtomicUsize::new(0);
    Mock::given(method("POST"))
        .and(path("/_matrix/client/v3/refresh"))
        .respond_with(move |_: &wiremock::Request| {
            let token = format!("fresh {}", refreshes.fetch_add(1, Ordering::Relaxed));
            ok(json!({ "access_token": token, "expires_in_ms": 60_000 }))
        })
        .expect(3)
        .mount(&homeserver.server)
        .await;
    let unavailable = HomeserverSource::new(&homeserver.client).fetch().await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::SoftLoggedOut);
}

#[tokio::test]
async fn s07_an_error_of_the_versions_endpoint_says_nothing_about_turn() {
    for refusal in [
        matrix_error(403, "M_FORBIDDEN", json!({})),
        matrix_error(404, "M_UNRECOGNIZED", json!({})),
        ResponseTemplate::new(502),
    ] {
        let homeserver = Homeserver::start().await;
        homeserver.server.reset().await;
        Mock::given(method("GET"))
            .and(path("/_matrix/client/versions"))
            .respond_with(refusal)
            .mount(&homeserver.server)
            .await;
        homeserver.answer_turn_servers(turn_servers("alice", 60)).await;
        let answer = HomeserverSource::new(&homeserver.client).fetch().await.unwrap();
        assert_eq!(answer.server().username(), "alice");
    }
}

#[tokio::test]
async fn answer_401_after_a_successful_token_refresh_is_a_soft_logout() {
    let homeserver = Homeserver::start_with_refresh_token().await;
    Mock::given(method("GET"))
        .and(path("/_matrix/client/v3/voip/turnServer"))
        .respond_with(matrix_error(401, "M_UNKNOWN_TOKEN", json!({})))
        // Two, and two more: the token is another one then, and the same one afterwards.
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
    let answer = |status| matrix_error(status, "M_FORBIDDEN", json!({}));
    for (response, expected) in [
        (answer(403), UnavailableReason::LoggedOut),
        (answer(400), UnavailableReason::Unreachable),
        (answer(502), UnavailableReason::Unreachable),
        (ResponseTemplate::new(403), UnavailableReason::Unreachable),
    ] {
        let homeserver = Homeserver::start_with_refresh_token().await;
        homeserver.answer_turn_servers(matrix_error(401, "M_UNKNOWN_TOKEN", json!({}))).await;
        Mock::given(method("POST"))
            .and(path("/_matrix/client/v3/refresh"))
            .respond_with(response)
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

    let asked = std::time::Instant::now();
    let gave_up = tokio::time::timeout(Duration::from_millis(100), source.fetch()).await;
    assert!(gave_up.is_err());
    let answer = source.fetch().await.unwrap();
    assert_eq!(answer.server().username(), "alice");
    assert_eq!(homeserver.turn_server_requests().await, 2);
    assert!(asked.elapsed() >= Duration::from_millis(600), "one after the other");
}
