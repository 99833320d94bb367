//! What an error means, and whose word it is.

use std::time::SystemTime;

use matrix_sdk_turn::Clock;

use super::*;

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
    assert_eq!(turn.get().await.unwrap_err().reason(), UnavailableReason::Unreachable);
    assert_eq!(turn.state().unwrap().available(), Some(&server), "it has 59 minutes left");
    assert_eq!(turn.last_failure().unwrap().reason(), UnavailableReason::Unreachable);
    assert!(turn.next_request_in().unwrap() <= Duration::from_secs(60));
    drop(page);
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

    let date = limit(json!({})).insert_header("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT");
    assert_eq!(fetch(date).await.unwrap_err().retry_after(), None, "no clock has read it yet");

    let unavailable = fetch(ResponseTemplate::new(429).set_body_string("slow down")).await;
    let unavailable = unavailable.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::RateLimited);
    assert_eq!(unavailable.retry_after(), None);
}

#[tokio::test]
async fn s05_a_retry_after_date_is_read_with_the_services_clock() {
    let homeserver = Homeserver::start().await;
    let date = "Fri, 31 Dec 2100 23:59:59 GMT";
    let limit = matrix_error(429, "M_LIMIT_EXCEEDED", json!({}));
    homeserver.answer_turn_servers(limit.insert_header("retry-after", date)).await;
    let half_a_minute_before = SystemTime::UNIX_EPOCH + Duration::from_secs(4_133_980_769);
    let turn = TurnService::builder(HomeserverSource::new(&homeserver.client))
        .clock(StoppedClock(half_a_minute_before))
        .build();
    let why = turn.get().await.unwrap_err();
    assert_eq!(why.reason(), UnavailableReason::RateLimited);
    assert_eq!(why.retry_after(), Some(Duration::from_secs(30)));
}

/// A wall clock that stands still.
#[derive(Debug)]
struct StoppedClock(SystemTime);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp { wall: self.0, ..Timestamp::now() }
    }
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
    let unavailable = source.fetch().await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
    let words = unavailable.to_string().to_lowercase();
    assert!(words.contains("connection"), "{words}");
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
async fn of_a_matrix_error_of_more_than_4_kib_only_the_code_and_the_words_are_kept() {
    let more = |hint: usize| json!({ "org.example.hint": "x".repeat(hint) });
    let response = async |hint| {
        let unavailable = fetch(matrix_error(403, "ORG.EXAMPLE.NO", more(hint))).await.unwrap_err();
        unavailable.matrix_error().unwrap().response.clone()
    };
    let without = response(0).await.to_string().len();
    assert_eq!(response(4_096 - without).await.to_string().len(), 4_096);

    let shortened = response(4_097 - without).await;
    assert_eq!(shortened["errcode"], "ORG.EXAMPLE.NO");
    assert_eq!(shortened["error"], "in the homeserver's words");
    assert_eq!(shortened.get("org.example.hint"), None);
}
