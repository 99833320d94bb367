//! S14: credentials that outlive the process. A service that is dropped is a process that ended; what
//! remains is the store and the wall clock.

use matrix_sdk_turn::{StoreError, TurnServerStore};
use tests::store::{Behaviour, MemoryStore};

use super::*;

/// One run of the app.
fn process(store: &MemoryStore, clock: &HandMovedClock) -> (TurnService, Script) {
    let (source, script) = scripted();
    let builder = TurnService::builder(source).clock(clock.clone()).seed(1);
    (builder.persist(store.clone()).build(), script)
}

#[tokio::test(start_paused = true)]
async fn s14_a_store_may_be_shared() {
    let (store, clock) = (MemoryStore::default(), HandMovedClock::start());
    let shared = Arc::new(store.clone());
    let process = || {
        let (source, script) = scripted();
        let builder = TurnService::builder(source).clock(clock.clone());
        (builder.persist(shared.clone()).build(), script)
    };
    let (turn, script) = process();
    script.answer(available("alice"));
    turn.get().await.unwrap();
    drop(turn);
    settle().await;

    let (turn, _script) = process();
    assert_eq!(turn.get().await.unwrap().username(), "alice");
    turn.end_session();
    settle().await;
    assert_eq!(store.entry(), None);
}

/// Takes a second for everything.
#[derive(Debug, Default)]
struct SlowStore {
    calls: AtomicUsize,
    most_calls: AtomicUsize,
}

impl SlowStore {
    async fn call(&self) {
        let calls = 1 + self.calls.fetch_add(1, Ordering::SeqCst);
        self.most_calls.fetch_max(calls, Ordering::SeqCst);
        sleep(SECOND).await;
        self.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl TurnServerStore for SlowStore {
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.call().await;
        Ok(None)
    }

    async fn save(&self, _entry: &[u8]) -> Result<(), StoreError> {
        self.call().await;
        Ok(())
    }

    async fn remove(&self) -> Result<(), StoreError> {
        self.call().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn s14_a_store_is_called_once_at_a_time() {
    let (source, script) = scripted();
    let store = Arc::new(SlowStore::default());
    let turn = TurnService::builder(source).persist(store.clone()).build();
    script.answer(available("alice"));
    turn.get().await.unwrap();
    settle().await;
    assert_eq!(store.calls.load(Ordering::SeqCst), 1, "it is saving");
    turn.end_session();
    sleep(MINUTE).await;
    assert_eq!(store.most_calls.load(Ordering::SeqCst), 1);
}

/// A run that was handed the credentials of alice, and ended.
async fn first_run() -> (MemoryStore, HandMovedClock) {
    let (store, clock) = (MemoryStore::default(), HandMovedClock::start());
    let (turn, script) = process(&store, &clock);
    script.answer(available("alice"));
    turn.get().await.unwrap();
    drop(turn);
    settle().await;
    assert!(store.entry().is_some());
    (store, clock)
}

#[tokio::test(start_paused = true)]
async fn s14_the_next_process_starts_with_them_at_once_and_asks_nobody() {
    let (store, clock) = first_run().await;
    sleep(20 * SECOND).await;
    let (turn, script) = process(&store, &clock);
    let started = Instant::now();
    let server = turn.get().await.unwrap();
    assert_eq!(server.username(), "alice");
    assert_eq!(server.valid_for(clock.now()), Some(HOUR - 20 * SECOND));
    assert_eq!((started.elapsed(), script.requests()), (Duration::ZERO, 0));
    let status = turn.status();
    assert_eq!((status.requests, status.asked_at), (0, None));
}

#[tokio::test(start_paused = true)]
async fn s14_the_schedule_goes_on_from_when_they_were_asked_for() {
    let (store, clock) = (MemoryStore::default(), HandMovedClock::start());
    let (turn, script) = process(&store, &clock);
    script.answer(available("alice"));
    let states = turn.subscribe();
    settle().await;
    let due = turn.next_request_in().unwrap();
    drop((states, turn));

    // However often the app is started meanwhile.
    for _ in 0..20 {
        sleep(due / 21).await;
        let (turn, script) = process(&store, &clock);
        assert_eq!(username(&next(&mut turn.subscribe()).await), "alice");
        assert_eq!(script.requests(), 0);
    }
    let (turn, script) = process(&store, &clock);
    let mut states = turn.subscribe();
    next(&mut states).await;
    script.answer(available("bob"));
    let started = Instant::now();
    assert_eq!(username(&next(&mut states).await), "bob");
    // The entry holds whole milliseconds, and so do tokio's timers.
    let expected = due - 20 * (due / 21);
    assert!(started.elapsed().abs_diff(expected) <= Duration::from_millis(20));
    settle().await;
    drop((states, turn));
    let (turn, script) = process(&store, &clock);
    assert_eq!(turn.get().await.unwrap().username(), "bob", "what is newer is kept");
    assert_eq!(script.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn s14_what_expired_meanwhile_is_asked_for_anew() {
    let (store, clock) = first_run().await;
    clock.sleep(HOUR);
    let (turn, script) = process(&store, &clock);
    script.answer(available("bob"));
    assert_eq!(turn.get().await.unwrap().username(), "bob");
}

#[tokio::test(start_paused = true)]
async fn s14_a_clock_set_back_beyond_the_request_discards_them_with_one_line() {
    let (store, clock) = first_run().await;
    clock.set_back(SECOND);
    let (log, _guard) = Log::record();
    let (turn, script) = process(&store, &clock);
    let _states = turn.subscribe();
    settle().await;
    assert_eq!(script.requests(), 1);
    assert_eq!(turn.state(), None);
    assert_eq!(store.entry(), None);
    assert_eq!(log.lines_with("discarding stored TURN credentials").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn s14_a_damaged_entry_is_discarded_with_one_line_that_does_not_repeat_it() {
    for damaged in ["", "{}", "alice:s3cret", r#"{"version":1,"password":"s3cret"}"#] {
        let (store, clock) = first_run().await;
        store.put(damaged);
        let (log, _guard) = Log::record();
        let (turn, script) = process(&store, &clock);
        let _states = turn.subscribe();
        settle().await;
        assert_eq!(script.requests(), 1);
        assert_eq!(store.entry(), None);
        let lines = log.lines_with("discarding stored TURN credentials");
        assert_eq!(lines.len(), 1, "{damaged}");
        assert!(!log.text().contains("s3cret"));
    }
}

#[tokio::test(start_paused = true)]
async fn s14_they_go_with_the_session_even_if_nobody_subscribed_in_this_process() {
    let (store, clock) = first_run().await;
    let (turn, _script) = process(&store, &clock);
    turn.end_session();
    drop(turn);
    settle().await;
    assert_eq!(store.entry(), None);
}

#[tokio::test(start_paused = true)]
async fn s14_the_end_of_the_session_is_written_last_however_the_store_dawdles() {
    let (store, clock) = (MemoryStore::default(), HandMovedClock::start());
    let (turn, script) = process(&store, &clock);
    script.answer(available("alice"));
    // The entry is about to be saved.
    turn.get().await.unwrap();
    turn.end_session();
    drop(turn);
    settle().await;
    assert_eq!(store.entry(), None);
}

#[tokio::test(start_paused = true)]
async fn s14_what_a_turn_server_rejected_is_not_offered_again() {
    let (store, clock) = first_run().await;
    let (turn, _script) = process(&store, &clock);
    let server = turn.get().await.unwrap();
    turn.report_rejected(&server);
    drop(turn);
    settle().await;
    assert_eq!(store.entry(), None);
}

#[tokio::test(start_paused = true)]
async fn s14_what_is_still_valid_is_served_while_the_homeserver_is_down() {
    let (store, clock) = first_run().await;
    sleep(50 * MINUTE).await;
    let (turn, script) = process(&store, &clock);
    script.answer(unavailable(UnavailableReason::Unreachable));
    let mut states = turn.subscribe();
    assert_eq!(username(&next(&mut states).await), "alice");
    settle().await;
    assert_eq!(script.requests(), 1, "the refresh was due");
    sleep(9 * MINUTE).await;
    assert_eq!(states.next().now_or_never(), None, "as before, until they expire");
    assert_eq!(reason(&next(&mut states).await), UnavailableReason::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn s14_a_store_that_misbehaves_costs_a_second_at_most() {
    for behaviour in [Behaviour::Failing, Behaviour::Hanging, Behaviour::Panicking] {
        let (store, clock) = first_run().await;
        store.behave(behaviour);
        let (turn, script) = process(&store, &clock);
        script.answer(available("bob"));
        let started = Instant::now();
        assert_eq!(turn.get().await.unwrap().username(), "bob", "{behaviour:?}");
        assert!(started.elapsed() <= SECOND + Duration::from_millis(1), "{behaviour:?}");
        turn.end_session();
        sleep(MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn s14_a_store_that_recovers_is_not_asked_for_what_is_older() {
    let (store, clock) = first_run().await;
    store.behave(Behaviour::Failing);
    let (turn, script) = process(&store, &clock);
    script.answer(available("bob"));
    let bob = turn.get().await.unwrap();
    settle().await;

    store.behave(Behaviour::Sound);
    turn.report_rejected(&bob);
    script.answer(available("carol"));
    assert_eq!(turn.get().await.unwrap().username(), "carol");
    settle().await;
    drop(turn);
    let (turn, _script) = process(&store, &clock);
    assert_eq!(turn.get().await.unwrap().username(), "carol");
}

#[tokio::test(start_paused = true)]
async fn s14_an_answer_of_unknown_life_outdates_what_could_not_be_read_before_it() {
    let (store, clock) = first_run().await;
    store.behave(Behaviour::Failing);
    let (turn, script) = process(&store, &clock);
    script.answer(available_for("bob", Duration::ZERO));
    turn.get().await.unwrap();
    settle().await;

    store.behave(Behaviour::Sound);
    sleep(20 * SECOND).await;
    script.answer(available_for("carol", Duration::ZERO));
    turn.refresh();
    assert_eq!(turn.refresh().await.unwrap().username(), "carol");
}

#[tokio::test(start_paused = true)]
async fn s14_a_store_that_could_not_be_read_is_read_before_the_next_request() {
    let (store, clock) = first_run().await;
    store.behave(Behaviour::Failing);
    let (turn, script) = process(&store, &clock);
    script.answer(unavailable(UnavailableReason::NotLoggedIn));
    assert!(turn.get().await.is_err());
    store.behave(Behaviour::Sound);
    sleep(SECOND).await;
    assert_eq!(turn.get().await.unwrap().username(), "alice");
    assert_eq!(script.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn s14_a_failing_store_is_written_to_once_per_change() {
    let (store, clock) = (MemoryStore::default(), HandMovedClock::start());
    let (turn, script) = process(&store, &clock);
    store.behave(Behaviour::Failing);
    let (log, _guard) = Log::record();
    script.answer(available("alice"));
    turn.get().await.unwrap();
    for _ in 0..100 {
        turn.get().await.unwrap();
        drop(turn.subscribe());
        settle().await;
    }
    assert_eq!(log.lines_with("not up to date").len(), 1);

    store.behave(Behaviour::Sound);
    turn.end_session();
    settle().await;
    assert_eq!(store.writes(), 1, "the removal");
}

#[tokio::test(start_paused = true)]
async fn s14_a_store_that_hangs_is_let_go_of_8_seconds_after_everything_else() {
    let (store, clock) = (MemoryStore::default(), HandMovedClock::start());
    let (turn, script) = process(&store, &clock);
    script.answer(available("alice"));
    let states = turn.subscribe();
    settle().await;
    store.behave(Behaviour::Hanging);
    let state = turn.state().unwrap();
    turn.report_rejected(state.available().unwrap());
    drop((turn, states));
    settle().await;
    assert_eq!(store.owners(), 2, "the removal is on its way");
    sleep(8 * SECOND + Duration::from_millis(1)).await;
    settle().await;
    assert_eq!(store.owners(), 1);
}

#[tokio::test(start_paused = true)]
async fn s14_get_dropped_while_the_store_is_read_loses_nothing() {
    let (store, clock) = first_run().await;
    store.behave(Behaviour::Hanging);
    let (turn, script) = process(&store, &clock);
    assert_eq!(turn.get().now_or_never(), None);
    settle().await;
    store.behave(Behaviour::Sound);
    // The store is passed over after a second.
    sleep(2 * SECOND).await;
    assert_eq!(turn.get().await.unwrap().username(), "alice");
    assert_eq!(script.requests(), 0, "it was read again before the next request");
}

#[tokio::test(start_paused = true)]
async fn s14_nothing_is_written_that_is_there_already() {
    let (store, clock) = first_run().await;
    let before = store.writes();
    let (turn, _script) = process(&store, &clock);
    for _ in 0..10 {
        turn.get().await.unwrap();
        drop(turn.subscribe());
        settle().await;
    }
    assert_eq!(store.writes(), before);
}

#[tokio::test(start_paused = true)]
async fn s14_without_it_nothing_is_kept() {
    let (turn, script, _clock) = service();
    script.answer(available("alice"));
    turn.get().await.unwrap();
    let (turn, script, _clock) = service();
    drop(turn.subscribe());
    let _states = turn.subscribe();
    settle().await;
    assert_eq!(script.requests(), 1);
}
