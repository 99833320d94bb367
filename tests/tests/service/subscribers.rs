//! S1, S2, S11: who shares what, and what is left when the last subscriber leaves.

use super::*;

#[tokio::test(start_paused = true)]
async fn s01_ten_thousand_subscribers_share_one_request() {
    let (service, script, _clock) = service();
    let mut subscribers: Vec<_> = (0..10_000).map(|_| service.subscribe()).collect();
    script.answer(available("alice"));

    for state in join_all(subscribers.iter_mut().map(next)).await {
        assert_eq!(username(&state), "alice");
    }
    assert_eq!(script.requests(), 1);

    script.answer(available("bob"));
    for state in join_all(subscribers.iter_mut().map(next)).await {
        assert_eq!(username(&state), "bob");
    }
    assert_eq!(script.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn s01_callers_of_get_share_one_request() {
    let (service, script, _clock) = service();
    let callers = join_all((0..1_000).map(|_| service.get()));
    script.answer(available("alice"));

    for server in callers.await {
        assert_eq!(server.unwrap().username(), "alice");
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn s02_cached_credentials_are_served_at_once_and_nothing_is_asked() {
    let (service, script, _clock) = service();
    script.answer(available("alice"));
    service.get().await.unwrap();

    let state = service.subscribe().next().now_or_never().unwrap().unwrap();
    assert_eq!(username(&state), "alice");
    assert_eq!(service.get().now_or_never().unwrap().unwrap().username(), "alice");
    settle().await;
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn s11_the_last_subscriber_leaves_and_nothing_is_asked() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    let another = service.subscribe();
    script.answer(available_for("alice", MINUTE));
    next(&mut states).await;
    drop(another);
    drop(states);

    sleep(24 * HOUR).await;
    assert_eq!(script.requests(), 1);

    // And another comes.
    let mut states = service.subscribe();
    assert_eq!(states.next().now_or_never(), None, "what expired is not shown");
    script.answer(available("bob"));
    assert_eq!(username(&next(&mut states).await), "bob");
    assert_eq!(script.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn s11_watching_and_unwatching_in_a_loop_costs_the_homeserver_nothing() {
    let (service, script, _clock) = service();
    script.answer(available("alice"));
    for _ in 0..1_000 {
        next(&mut service.subscribe()).await;
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn s11_backoff_outlives_the_last_subscriber() {
    let (service, script, _clock) = service();
    (0..1_000).for_each(|_| script.answer(unavailable(UnavailableReason::Forbidden)));
    for _ in 0..1_000 {
        let state = next(&mut service.subscribe()).await;
        assert_eq!(reason(&state), UnavailableReason::Forbidden);
    }
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn s11_the_task_is_gone_when_nobody_subscribes() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let (service, script, _clock) = service();
    assert_eq!(alive(), 0);
    script.answer(available("alice"));
    let mut states = service.subscribe();
    next(&mut states).await;
    assert_eq!(alive(), 1);

    drop(states);
    settle().await;
    assert_eq!(alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_polled_and_left_alone_at_any_await_misses_nothing() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    for _ in 0..10 {
        assert!(states.next().now_or_never().is_none());
        settle().await;
    }
    script.answer(available("alice"));
    settle().await;
    assert_eq!(username(&states.next().now_or_never().unwrap().unwrap()), "alice");
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_misses_states_in_between_and_never_the_newest() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    for name in ["alice", "bob", "carol"] {
        script.answer(available(name));
        sleep(RefreshPolicy::default().floor()).await;
        service.refresh();
        settle().await;
    }
    assert_eq!(username(&next(&mut states).await), "carol");
    assert_eq!(states.next().now_or_never(), None);
}

/// Never answers, and counts the requests that somebody still waits for.
#[derive(Debug)]
struct Waiting(Arc<AtomicUsize>);

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl TurnServerSource for Waiting {
    async fn fetch(&self) -> Outcome {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _guard = Guard(self.0.clone());
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_service_drops_the_request_in_flight() {
    let waiting = Arc::new(AtomicUsize::new(0));
    let service = TurnService::builder(Waiting(waiting.clone())).build();
    let states = service.subscribe();
    settle().await;
    assert_eq!(waiting.load(Ordering::SeqCst), 1);

    drop(service);
    settle().await;
    assert_eq!(waiting.load(Ordering::SeqCst), 1, "somebody is still subscribed");

    drop(states);
    settle().await;
    assert_eq!(waiting.load(Ordering::SeqCst), 0);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_when_the_last_subscriber_leaves_is_answered_for_the_next() {
    let (service, script, _clock) = service();
    let states = service.subscribe();
    settle().await;
    drop(states);
    settle().await;
    script.answer(available("alice"));
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);

    let state = service.subscribe().next().now_or_never().unwrap().unwrap();
    assert_eq!(username(&state), "alice");
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_task_logs_in_a_span_of_its_own_and_not_in_that_of_who_subscribed_first() {
    let (log, _guard) = Log::record();
    let (service, script, _clock) = service();
    let mut states = tracing::info_span!("wrong_room").in_scope(|| service.subscribe());
    script.answer(available("alice"));
    next(&mut states).await;

    let lines = log.lines_with("asking for TURN credentials");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("turn_service") && !lines[0].contains("wrong_room"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_and_a_clock_may_be_trait_objects_that_are_shared_or_boxed() {
    let (source, script) = scripted();
    let source: Arc<dyn TurnServerSource> = Arc::new(source);
    let clock: Arc<dyn Clock> = Arc::new(HandMovedClock::start());
    let shared = TurnService::builder(source.clone()).clock(clock.clone()).build();
    let boxed: Box<dyn TurnServerSource> = Box::new(source);
    let boxed_clock: Box<dyn Clock> = Box::new(clock);
    let boxed = TurnService::builder(boxed).clock(boxed_clock).build();
    for service in [shared, boxed] {
        script.answer(available("alice"));
        assert_eq!(service.get().await.unwrap().username(), "alice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_that_it_has_ended() {
    let (turn, script, _clock) = service();
    let mut states = turn.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;
    assert!(!states.is_terminated());
    turn.end_session();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::LoggedOut);
    assert!(states.is_terminated());
    assert_eq!(states.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_session_whoever_is_subscribed() {
    let (turn, script, _clock) = service();
    let _states = turn.subscribe();
    script.answer(available("alice"));
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 1);
    turn.end_session();
    settle().await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn only_what_somebody_has_to_mend_is_a_warning() {
    use UnavailableReason::{Misconfigured, Unreachable};

    for (reason, level) in [(Unreachable, "INFO"), (Misconfigured, "WARN")] {
        let (log, _guard) = Log::record();
        let (turn, script, _clock) = service();
        let mut states = turn.subscribe();
        script.answer(unavailable(reason));
        next(&mut states).await;
        let lines = log.lines_with("no TURN credentials");
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains(level), "{lines:?}");
    }
}
