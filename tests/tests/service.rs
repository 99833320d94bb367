//! The service around the schedule: one task, many subscribers, two clocks.
//!
//! tokio's clock is paused, so the monotonic one goes on only while everybody waits; the wall clock
//! goes with it until somebody moves it by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::{FutureExt, future::join_all};
use matrix_sdk_turn::{
    Clock, RefreshPolicy, TurnServer, TurnServerSource, TurnService, TurnState, TurnStates,
    Unavailable, UnavailableReason,
};
use tests::{
    clock::HandMovedClock,
    source::{Outcome, Script, available, available_for, scripted, unavailable},
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn service() -> (TurnService, Script, HandMovedClock) {
    let (source, script) = scripted();
    let clock = HandMovedClock::start();
    let service = TurnService::builder(source).clock(clock.clone()).seed(1).build();
    (service, script, clock)
}

/// Lets everybody who can do something do it. No time passes.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// The next state; it must come before the world ends.
async fn next(states: &mut TurnStates) -> TurnState {
    timeout(YEAR, states.next()).await.unwrap().unwrap()
}

fn username(state: &TurnState) -> &str {
    state.available().unwrap().username()
}

fn reason(state: &TurnState) -> UnavailableReason {
    state.unavailable().unwrap().reason()
}

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
async fn s06_expired_credentials_are_withdrawn_at_that_second() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(available_for("alice", MINUTE));
    next(&mut states).await;

    let asked = Instant::now();
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::Unreachable);
    // The requests since were not answered, and tokio's timers count milliseconds.
    assert_eq!(asked.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn s08_who_looks_after_a_sleep_sees_that_they_expired_at_once() {
    let (service, script, clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;
    clock.sleep(8 * HOUR);

    let state = states.next().now_or_never().unwrap().unwrap();
    assert_eq!(reason(&state), UnavailableReason::Expired);
}

#[tokio::test(start_paused = true)]
async fn s08_a_machine_that_wakes_up_asks_within_30_seconds() {
    let (service, script, clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;
    // Away from where the timer was set.
    sleep(7 * SECOND).await;
    clock.sleep(8 * HOUR);
    script.answer(available("bob"));

    let woken = Instant::now();
    sleep(30 * SECOND).await;
    assert_eq!(script.requests(), 2);
    assert_eq!(username(&next(&mut states).await), "bob");
    assert!(woken.elapsed() <= 30 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn s08_get_after_a_sleep_asks_at_once() {
    let (service, script, clock) = service();
    script.answer(available("alice"));
    service.get().await.unwrap();
    clock.sleep(8 * HOUR);
    script.answer(available("bob"));

    let woken = Instant::now();
    assert_eq!(service.get().await.unwrap().username(), "bob");
    assert!(woken.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn s08_a_wall_clock_set_back_never_lengthens_a_life() {
    let (service, script, clock) = service();
    let mut states = service.subscribe();
    script.answer(available_for("alice", MINUTE));
    next(&mut states).await;
    clock.set_back(YEAR);

    let asked = Instant::now();
    assert!(next(&mut states).await.available().is_none());
    assert_eq!(asked.elapsed().as_secs(), 60);
}

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
async fn s12_the_same_credentials_for_longer_wake_nobody() {
    let (service, script, clock) = service();
    let mut states = service.subscribe();
    (0..10).for_each(|_| script.answer(available("alice")));
    let alice = next(&mut states).await.available().unwrap().clone();

    sleep(3 * HOUR).await;
    assert!(script.requests() > 3);
    assert_eq!(states.next().now_or_never(), None);
    assert!(alice.valid_for(clock.now()).unwrap() > HOUR / 4, "whoever holds them learns of it");
}

#[tokio::test(start_paused = true)]
async fn s06_many_newcomers_do_not_keep_a_subscriber_from_learning_of_an_expiry() {
    let (service, script, clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    next(&mut states).await;

    clock.sleep(8 * HOUR);
    let _newcomers = [service.subscribe(), service.subscribe()];
    let state = states.next().now_or_never().unwrap().unwrap();
    assert_eq!(reason(&state), UnavailableReason::Expired);
}

#[tokio::test(start_paused = true)]
async fn s06_credentials_that_come_back_reach_who_missed_that_they_were_gone() {
    let (service, script, clock) = service();
    let mut states = service.subscribe();
    script.answer(available("alice"));
    let gone = next(&mut states).await;

    clock.sleep(8 * HOUR);
    let mut newcomer = service.subscribe();
    script.answer(available("alice"));
    next(&mut newcomer).await;
    let back = states.next().now_or_never().unwrap().unwrap();
    assert_eq!(username(&back), "alice");
    let valid_for = |state: &TurnState| state.available().unwrap().valid_for(clock.now()).unwrap();
    assert_eq!(valid_for(&gone), Duration::ZERO);
    assert!(valid_for(&back) > HOUR / 2);
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
async fn s12_a_newcomer_is_told_the_same_failure_again_and_nobody_else() {
    let (service, script, _clock) = service();
    let mut states = service.subscribe();
    script.answer(unavailable(UnavailableReason::Forbidden));
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::Forbidden);

    sleep(HOUR).await;
    let mut newcomer = service.subscribe();
    settle().await;
    assert_eq!(newcomer.next().now_or_never(), None, "it waits for the answer to its own request");
    script.answer(unavailable(UnavailableReason::Forbidden));
    assert_eq!(reason(&next(&mut newcomer).await), UnavailableReason::Forbidden);
    assert_eq!(script.requests(), 2);
    assert_eq!(states.next().now_or_never(), None);
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

    let state = service.subscribe().next().now_or_never().unwrap().unwrap();
    assert_eq!(username(&state), "alice");
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
async fn s05_nothing_makes_it_ask_before_retry_after() {
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
async fn get_waits_for_the_answer_if_what_is_held_was_rejected() {
    let (service, script, _clock) = service();
    script.answer(available("alice"));
    let alice = service.get().await.unwrap();
    service.report_rejected(&alice);

    let asked = Instant::now();
    assert_eq!(service.get().await, Ok(alice), "it is all there is");
    assert_eq!(asked.elapsed().as_secs(), 8);
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

#[tokio::test(start_paused = true)]
async fn a_state_is_known_before_anybody_subscribes_only_if_somebody_asked() {
    let (service, script, clock) = service();
    assert_eq!(service.state(), None);
    script.answer(available("alice"));
    service.get().await.unwrap();
    assert_eq!(username(&service.state().unwrap()), "alice");
    clock.sleep(8 * HOUR);
    assert_eq!(reason(&service.state().unwrap()), UnavailableReason::Expired);
}
