//! What a debug screen shows.

use matrix_sdk_turn::TurnStateKind;
use serde_json::{Value, json};

use super::*;

fn as_json(turn: &TurnService) -> Value {
    serde_json::to_value(turn.status()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_service_that_nobody_asked() {
    let (turn, _script, _clock) = service();
    assert_eq!(
        as_json(&turn),
        json!({
            "state": null,
            "valid_for_ms": null,
            "subscribers": 0,
            "requests": 0,
            "asked_at_ms": null,
            "next_request_in_ms": null,
            "failures_in_a_row": 0,
            "last_failure": null,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_follows_what_happens_and_holds_no_secret() {
    let (turn, script, clock) = service();
    script.answer(available("1700000000:@alice:localhost"));
    let mut states = turn.subscribe();
    let server = next(&mut states).await.available().unwrap().clone();
    let asked = turn.status().asked_at;
    assert_eq!(asked, Some(clock.now().wall));
    sleep(20 * SECOND).await;
    let status = turn.status();
    assert_eq!(status.state, Some(TurnStateKind::Available));
    assert_eq!((status.requests, status.subscribers, status.failures_in_a_row), (1, 1, 0));
    assert_eq!(status.valid_for, server.valid_for(clock.now()));
    assert_eq!(status.next_request_in, turn.next_request_in());
    assert_eq!(status.asked_at, asked);

    script.answer(unavailable(UnavailableReason::Unreachable));
    assert!(turn.refresh().await.is_ok(), "what is valid stays");
    let status = turn.status();
    assert_eq!((status.requests, status.failures_in_a_row), (2, 1));
    assert_eq!(status.state, Some(TurnStateKind::Available));

    let text = format!("{status:?} {}", as_json(&turn));
    assert!(text.contains(r#""reason":"unreachable""#), "{text}");
    for secret in ["alice", "turn-s3cret"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_failure_counts_until_the_next_success() {
    let (turn, script, _clock) = service();
    for reason in [UnavailableReason::Forbidden, UnavailableReason::NotConfigured] {
        script.answer(unavailable(reason));
        sleep(2 * SECOND).await;
        assert!(turn.refresh().await.is_err());
    }
    let status = turn.status();
    assert_eq!((status.failures_in_a_row, status.requests), (2, 2));
    assert_eq!(status.last_failure.map(|why| why.reason()), Some(UnavailableReason::NotConfigured));

    script.answer(available("alice"));
    sleep(2 * SECOND).await;
    turn.refresh().await.unwrap();
    let status = turn.status();
    assert_eq!((status.failures_in_a_row, status.last_failure), (0, None));
}
