//! S6, S8, S12: what expires, what comes back, and who is told.

use super::*;

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
async fn a_state_is_known_before_anybody_subscribes_only_if_somebody_asked() {
    let (service, script, clock) = service();
    assert_eq!(service.state(), None);
    script.answer(available("alice"));
    service.get().await.unwrap();
    assert_eq!(username(&service.state().unwrap()), "alice");
    clock.sleep(8 * HOUR);
    assert_eq!(reason(&service.state().unwrap()), UnavailableReason::Expired);
}
