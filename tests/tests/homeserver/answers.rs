//! What the body of a successful response means.

use super::*;

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
async fn f3_answer_200_with_a_turn_uri_and_no_password_is_misconfigured() {
    let body = json!({ "username": "", "password": "", "uris": ["turn:a"], "ttl": 86400 });
    let unavailable = fetch(ok(body)).await.unwrap_err();
    assert_eq!(unavailable.reason(), UnavailableReason::Misconfigured);
    assert!(unavailable.to_string().contains("without username or password"), "{unavailable}");
}

#[tokio::test]
async fn answer_200_of_another_shape_is_transient() {
    let complete = json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": 60 });
    for (field, value) in [("uris", json!({})), ("password", json!(123_456_789))] {
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
async fn thousands_of_invalid_uris_make_short_log_lines() {
    let uris: Vec<_> = (0..3_000).map(|n| format!("http:{n}")).chain(["turn:a".into()]).collect();
    let body = json!({ "username": "u", "password": "p", "uris": uris, "ttl": 60 });
    let (log, _guard) = Log::record();
    assert_eq!(fetch(ok(body)).await.unwrap().server().left_out().len(), 3_000);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("leaving out URIs")).expect("a warning");
    assert!(line.contains("3000") && line.len() < 500, "{} bytes", line.len());
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
