//! S4, S5, S7: what follows a request that failed.

use super::*;

#[tokio::test(start_paused = true)]
async fn s04_held_credentials_stay_through_an_outage() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;

    (0..20).for_each(|_| script.answer(unavailable(UnavailableReason::Unreachable)));
    script.answer(available("bob"));
    assert_eq!(username(&next(&mut states).await), "bob", "and no word of the outage");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up_on_after_8_seconds() {
    let (service, script, _clock) = service();
    let asked = Instant::now();
    let why = timeout(MINUTE, service.get()).await.expect("an outcome").unwrap_err();
    assert_eq!(why.reason(), UnavailableReason::Unreachable);
    assert!(why.to_string().contains("no answer within 8s"), "{why}");
    assert_eq!(asked.elapsed().as_secs(), 8);
    assert_eq!(script.requests(), 1);
}

/// Panics at first, and thinks better of it.
#[derive(Debug, Default)]
struct Panicking(AtomicUsize);

#[async_trait]
impl TurnServerSource for Panicking {
    async fn fetch(&self) -> Outcome {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("on purpose");
        }
        available("alice")
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_a_request_that_failed() {
    let service = TurnService::builder(Panicking::default()).seed(1).build();
    let mut states = service.subscribe();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::Unreachable);
    assert_eq!(username(&next(&mut states).await), "alice");
}

#[tokio::test(start_paused = true)]
async fn s05_no_event_makes_it_ask_before_retry_after() {
    let (service, script, _clock) = service();
    let limited = Unavailable::new(UnavailableReason::RateLimited).with_retry_after(Some(HOUR));
    script.answer(Err(limited));
    let mut states = service.subscribe();
    next(&mut states).await;
    for _ in 0..59 {
        service.refresh();
        assert!(service.get().await.is_err());
        next(&mut service.subscribe()).await;
        sleep(MINUTE).await;
    }
    assert_eq!(script.requests(), 1);
    script.answer(available("alice"));
    assert_eq!(username(&next(&mut states).await), "alice");
}

#[tokio::test(start_paused = true)]
async fn s07_who_asks_why_is_told_at_once_and_everybody_else_when_the_credentials_expire() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;
    assert_eq!(service.last_failure(), None);

    sleep(MINUTE).await;
    script.answer(unavailable(UnavailableReason::Forbidden));
    assert_eq!(service.refresh().await.unwrap().username(), "alice");
    assert_eq!(service.last_failure().unwrap().reason(), UnavailableReason::Forbidden);
    assert_eq!(states.next().now_or_never(), None);
    assert_eq!(username(&service.state().unwrap()), "alice");

    let refused = Instant::now();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::Forbidden);
    assert_eq!(refused.elapsed().as_secs(), 59 * 60);
}

#[tokio::test(start_paused = true)]
async fn s07_the_end_of_the_session_ends_the_stream_and_the_task() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;

    script.answer(unavailable(UnavailableReason::LoggedOut));
    sleep(MINUTE).await;
    service.refresh();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::LoggedOut);
    assert_eq!(states.next().await, None);
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);

    sleep(24 * HOUR).await;
    assert!(service.refresh().await.is_err());
    assert_eq!(script.requests(), 2);
}
