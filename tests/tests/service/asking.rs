//! S9, S10, and `get()`: who may have the homeserver asked, and what they are told.

use super::*;

#[tokio::test(start_paused = true)]
async fn s09_refresh_asks_now() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;

    service.refresh();
    settle().await;
    assert_eq!(script.requests(), 1, "the last success is younger than the floor");

    sleep(RefreshPolicy::default().floor()).await;
    script.answer(available("bob"));
    service.refresh();
    assert_eq!(username(&next(&mut states).await), "bob");
    assert_eq!(script.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn s09_refresh_sends_no_second_request_while_one_is_in_flight() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    settle().await;
    for _ in 0..100 {
        service.refresh();
    }
    script.answer(available("alice"));
    next(&mut states).await;
    settle().await;
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn s09_refresh_in_a_loop_sends_one_request_a_second_whatever_the_answer() {
    for reason in [
        UnavailableReason::Unreachable,
        UnavailableReason::Forbidden,
        UnavailableReason::NotConfigured,
        UnavailableReason::SoftLoggedOut,
    ] {
        let (service, script, _clock) = service();
        let _states = service.subscribe();
        (0..1_000).for_each(|_| script.answer(unavailable(reason)));
        for _ in 0..100 {
            sleep(SECOND / 10).await;
            service.refresh();
        }
        assert!(script.requests() <= 22, "{reason:?}: {}", script.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn s10_rejected_credentials_are_replaced() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    let alice = next(&mut states).await.available().unwrap().clone();

    script.answer(available("bob"));
    service.report_rejected(&alice);
    assert_eq!(username(&next(&mut states).await), "bob");

    service.report_rejected(&alice);
    settle().await;
    assert_eq!(script.requests(), 2, "they are not the current ones");
}

#[tokio::test(start_paused = true)]
async fn s10_the_same_ones_coming_back_wake_nobody_and_are_asked_about_once_per_floor() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    (0..10).for_each(|_| script.answer(available("alice")));
    let alice = next(&mut states).await.available().unwrap().clone();

    for _ in 0..100 {
        service.report_rejected(&alice);
        settle().await;
        assert_eq!(states.next().now_or_never(), None);
    }
    assert_eq!(script.requests(), 2);
    sleep(RefreshPolicy::default().floor()).await;
    service.report_rejected(&alice);
    settle().await;
    assert_eq!(script.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn s10_a_rejection_too_soon_after_the_last_one_waits_and_is_not_forgotten() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    let alice = next(&mut states).await.available().unwrap().clone();
    service.report_rejected(&alice);
    script.answer(available("bob"));
    let bob = next(&mut states).await.available().unwrap().clone();

    sleep(5 * SECOND).await;
    (0..100).for_each(|_| service.report_rejected(&bob));
    settle().await;
    assert_eq!(script.requests(), 2);
    sleep(6 * SECOND).await;
    assert_eq!(script.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn get_says_why_there_are_none_and_does_not_ask_again_before_it_is_time() {
    let (service, script, _clock) = service();
    script.answer(unavailable(UnavailableReason::NotConfigured));
    for _ in 0..100 {
        let why = service.get().await.unwrap_err();
        assert_eq!(why.reason(), UnavailableReason::NotConfigured);
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn get_dropped_at_any_await_loses_nothing() {
    let (service, script, _clock) = service();
    for polls in 0..10 {
        let mut get = Box::pin(service.get());
        for _ in 0..polls {
            assert!(futures::poll!(&mut get).is_pending());
            settle().await;
        }
        drop(get);
        settle().await;
    }
    assert_eq!(script.requests(), 1);

    script.answer(available("alice"));
    settle().await;
    assert_eq!(service.get().now_or_never().unwrap().unwrap().username(), "alice");
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn rejecting_what_never_was_in_use_asks_nothing() {
    let (service, script, _clock) = service();
    let _states = service.subscribe();
    script.answer(available("alice"));
    settle().await;
    service.report_rejected(&TurnServer::new(Vec::new(), "mallory", "nothing"));
    settle().await;
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn get_returns_what_is_valid_within_a_second_though_the_homeserver_hangs() {
    let (service, script, _clock) = service();
    script.answer(available("alice"));
    service.get().await.unwrap();
    // A quarter of an hour is left.
    sleep(45 * MINUTE).await;

    let asked = Instant::now();
    assert_eq!(service.get().await.unwrap().username(), "alice");
    assert_eq!(asked.elapsed().as_secs(), 1);
    assert_eq!(script.requests(), 2);
    assert_eq!(service.get().await.unwrap().username(), "alice");
    assert_eq!(asked.elapsed().as_secs(), 1, "the request has been in flight for a second");
}

#[tokio::test(start_paused = true)]
async fn s10_get_returns_no_rejected_credentials_before_the_homeserver_has_answered_again() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    let alice = next(&mut states).await.available().unwrap().clone();
    service.report_rejected(&alice);

    let asked = Instant::now();
    assert_eq!(service.get().await.unwrap_err().reason(), UnavailableReason::Unreachable);
    assert_eq!(asked.elapsed().as_secs(), 8, "the homeserver hangs");
    assert_eq!(service.state().unwrap().available(), Some(&alice));
    assert_eq!(states.next().now_or_never(), None, "the stream keeps the credentials");

    script.answer(available("alice"));
    sleep(MINUTE).await;
    assert_eq!(service.get().await, Ok(alice), "the homeserver has handed them out again");
}

#[tokio::test(start_paused = true)]
async fn s10_report_then_get_in_a_loop_asks_once_per_floor() {
    let (service, script, _clock) = service();
    (0..10).for_each(|_| script.answer(available("alice")));
    let alice = service.get().await.unwrap();
    service.report_rejected(&alice);
    assert_eq!(service.get().await.as_ref(), Ok(&alice), "the homeserver has no others");

    let mut refused = 0;
    for _ in 0..100 {
        service.report_rejected(&alice);
        if let Err(why) = service.get().await {
            assert_eq!(why.reason(), UnavailableReason::Rejected);
            refused += 1;
        }
    }
    assert_eq!((refused, script.requests()), (100, 2));
}

#[tokio::test(start_paused = true)]
async fn s10_get_returns_the_fallback_in_place_of_what_was_rejected() {
    let (source, script) = scripted();
    let own = TurnServer::new(vec!["stun:stun.example.org".to_owned()], "", "");
    let service = TurnService::builder(source).fallback(own.clone()).unwrap().build();
    service.use_fallback(true);
    script.answer(available("alice"));
    let alice = service.get().await.unwrap();
    service.report_rejected(&alice);
    script.answer(unavailable(UnavailableReason::NotConfigured));
    assert_eq!(service.get().await, Ok(own));
}

#[tokio::test(start_paused = true)]
async fn s07_get_asks_a_homeserver_without_turn_again_after_5_minutes() {
    let (service, script, _clock) = service();
    script.answer(unavailable(UnavailableReason::NotConfigured));
    service.get().await.unwrap_err();
    sleep(5 * MINUTE - SECOND).await;
    service.get().await.unwrap_err();
    assert_eq!(script.requests(), 1);

    sleep(SECOND).await;
    script.answer(available("alice"));
    assert_eq!(service.get().await.unwrap().username(), "alice");
    assert_eq!(script.requests(), 2);
}

/// The administrator moved the TURN server long before the credentials expire.
#[tokio::test(start_paused = true)]
async fn s09_refresh_brings_the_uris_that_the_homeserver_hands_out_now() {
    let at = |host: &str| {
        let server = TurnServer::new(vec![format!("turn:{host}")], "alice", "turn-s3cret");
        Answer::new(server, 24 * HOUR)
    };
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(at("old.example.org"));
    next(&mut states).await;

    sleep(MINUTE).await;
    script.answer(at("new.example.org"));
    assert_eq!(service.refresh().await.unwrap().uris(), ["turn:new.example.org"]);
    assert_eq!(next(&mut states).await.available().unwrap().uris(), ["turn:new.example.org"]);
}

#[tokio::test(start_paused = true)]
async fn s09_refresh_may_be_awaited_for_the_outcome() {
    let (service, script, _clock) = service();
    script.answer(available("alice"));
    assert_eq!(service.refresh().await.unwrap().username(), "alice");
    assert_eq!(service.refresh().await.unwrap().username(), "alice", "asked just now");
    assert_eq!(script.requests(), 1);

    sleep(RefreshPolicy::default().floor()).await;
    script.answer(available("bob"));
    assert_eq!(service.refresh().await.unwrap().username(), "bob");

    sleep(HOUR).await;
    script.answer(unavailable(UnavailableReason::NotConfigured));
    let why = service.refresh().await.unwrap_err();
    assert_eq!(why.reason(), UnavailableReason::NotConfigured);
}
