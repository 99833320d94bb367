//! A service belongs to one runtime, works on any thread, and says so when its runtime has ended.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, executor::block_on};
use matrix_sdk_turn::{
    Clock, Timestamp, TurnServerSource, TurnService, TurnState, UnavailableReason,
};
use tests::source::{Outcome, Script, available, available_for, scripted};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

use super::on_a_bare_thread;

fn multi_threaded() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn service_on(runtime: &Runtime) -> (TurnService, Script) {
    let (source, script) = scripted();
    (TurnService::builder(source).runtime(runtime.handle().clone()).build(), script)
}

/// What this returns on a bare thread, or a failed test if it takes too long.
fn within<T: Send + 'static>(most: Duration, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || tx.send(run()));
    rx.recv_timeout(most).expect("nobody is held up")
}

#[test]
fn without_a_runtime_the_panic_says_what_to_call() {
    let (source, _script) = scripted();
    let built = std::thread::spawn(move || drop(TurnService::builder(source).build())).join();
    let text = *built.unwrap_err().downcast::<&str>().unwrap();
    assert!(text.contains("TurnServiceBuilder::runtime(handle)"), "{text}");
    assert!(text.contains("handle.enter()"), "{text}");
}

#[test]
fn everything_but_building_works_on_a_thread_outside_of_tokio() {
    let runtime = multi_threaded();
    let (turn, script) = service_on(&runtime);
    script.answer(available("alice"));
    script.answer(available("bob"));
    on_a_bare_thread(move || {
        assert_eq!(turn.state(), None);
        let alice = block_on(turn.get()).unwrap();
        assert_eq!(alice.username(), "alice");
        let mut states = turn.subscribe();
        assert_eq!(block_on(states.next()).unwrap().available(), Some(&alice));
        turn.report_rejected(&alice);
        assert_eq!(block_on(states.next()).unwrap().available().unwrap().username(), "bob");
        assert_eq!(block_on(turn.refresh().into_future()).unwrap().username(), "bob");
    });
}

#[test]
fn the_task_runs_on_the_runtime_that_was_named() {
    let named = multi_threaded();
    let (turn, script) = service_on(&named);
    script.answer(available("alice"));
    let other = current_thread();
    let states = other.block_on(async { turn.subscribe() });
    assert_eq!(named.metrics().num_alive_tasks(), 1);
    drop(states);
}

#[test]
fn a_subscriber_on_another_runtime_is_told_of_an_expiry_after_the_first_one_is_gone() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    script.answer(available_for("alice", Duration::from_secs(6)));
    let first = current_thread();
    let mut first_states = first.block_on(async { turn.subscribe() });
    first.block_on(first_states.next()).unwrap();
    drop((first_states, first));

    within(Duration::from_secs(20), move || {
        let mut states = turn.subscribe();
        let second = current_thread();
        assert!(second.block_on(states.next()).unwrap().available().is_some());
        let expired = second.block_on(states.next()).unwrap();
        assert_eq!(expired.unavailable().unwrap().reason(), UnavailableReason::Expired);
    });
}

#[test]
fn when_the_runtime_ends_streams_yield_runtime_ended_and_end() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    script.answer(available("alice"));
    let mut states = turn.subscribe();
    let alice = block_on(states.next()).unwrap();
    drop(own);
    within(Duration::from_secs(10), move || {
        let end = block_on(states.next()).unwrap();
        assert_eq!(end.unavailable().unwrap().reason(), UnavailableReason::RuntimeEnded);
        assert_eq!(block_on(states.next()), None);
        let mut next = turn.subscribe();
        assert_eq!(block_on(next.next()), Some(end));
        assert_eq!(block_on(next.next()), None);
        assert_eq!(turn.state(), Some(alice.clone()), "they are still valid");
        assert_eq!(block_on(turn.get()).ok().as_ref(), alice.available());
    });
}

#[test]
fn a_service_whose_runtime_has_ended_says_so_to_each_caller() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    drop(own);
    within(Duration::from_secs(10), move || {
        for _ in 0..2 {
            let why = block_on(turn.get()).unwrap_err();
            assert_eq!(why.reason(), UnavailableReason::RuntimeEnded);
            assert!(why.to_string().contains("runtime"), "{why}");
        }
        assert_eq!(script.requests(), 0);
        turn.end_session();
        let why = block_on(turn.get()).unwrap_err();
        assert_eq!(why.reason(), UnavailableReason::LoggedOut, "the session has ended as well");
    });
}

#[test]
fn get_returns_no_rejected_credentials_after_its_runtime_has_ended() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    script.answer(available("alice"));
    let alice = block_on(turn.get()).unwrap();
    drop(own);
    within(Duration::from_secs(10), move || {
        turn.report_rejected(&alice);
        let why = block_on(turn.get()).unwrap_err();
        assert_eq!(why.reason(), UnavailableReason::RuntimeEnded);
    });
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_a_request_wakes_the_caller_of_get() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    let waiting = std::thread::spawn(move || block_on(turn.get()));
    until(|| script.requests() == 1);
    drop(own);
    let outcome = within(Duration::from_secs(10), move || waiting.join().unwrap());
    assert_eq!(outcome.unwrap_err().reason(), UnavailableReason::RuntimeEnded);
}

#[test]
fn a_runtime_that_is_driven_again_serves_the_subscribers_that_waited() {
    let own = current_thread();
    let (turn, script) = service_on(&own);
    script.answer(available("alice"));
    let mut states = turn.subscribe();
    assert_eq!(states.next().now_or_never(), None, "the task takes no step");
    assert!(own.block_on(states.next()).unwrap().available().is_some());
}

/// The system's clock, which panics in the service's task as often as it is told to.
#[derive(Clone, Debug, Default)]
struct PanickingClock(Arc<AtomicU64>);

impl Clock for PanickingClock {
    fn now(&self) -> Timestamp {
        let is_in_task = tokio::task::try_id().is_some();
        let decrement = |left: u64| left.checked_sub(1);
        if is_in_task && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement).is_ok()
        {
            panic!("the clock stands still");
        }
        Timestamp::now()
    }
}

#[test]
fn a_task_that_panics_starts_again() {
    for panics in [1, 3] {
        let own = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let clock = PanickingClock::default();
        let (source, script) = scripted();
        let builder = TurnService::builder(source).clock(clock.clone());
        let turn = builder.runtime(own.handle().clone()).build();
        script.answer(available_for("alice", Duration::from_secs(60)));
        script.answer(available_for("bob", Duration::from_secs(60)));
        own.block_on(async {
            let mut states = turn.subscribe();
            assert_eq!(states.next().await.unwrap().available().unwrap().username(), "alice");
            clock.0.store(panics, Ordering::SeqCst);
            assert_eq!(states.next().await.unwrap().available().unwrap().username(), "bob");
        });
        assert_eq!(clock.0.load(Ordering::SeqCst), 0, "it panicked {panics} times");
    }
}

/// Keeps each request without an answer.
#[derive(Debug, Default)]
struct ByHand(Mutex<Vec<oneshot::Sender<Outcome>>>);

#[async_trait]
impl TurnServerSource for ByHand {
    async fn fetch(&self) -> Outcome {
        let (tx, rx) = oneshot::channel();
        self.0.lock().unwrap().push(tx);
        rx.await.unwrap()
    }
}

fn until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not come to pass");
        std::thread::yield_now();
    }
}

#[test]
fn a_runtime_that_ends_before_it_ran_the_task_wakes_its_streams() {
    let home = current_thread();
    let (turn, _script) = service_on(&home);
    let mut states = turn.subscribe();
    let waiting = std::thread::spawn(move || block_on(states.next()));
    drop(home);
    let state = within(Duration::from_secs(10), move || waiting.join().unwrap()).unwrap();
    assert_eq!(state.unavailable().unwrap().reason(), UnavailableReason::RuntimeEnded);
}

/// Looks at the service as soon as it is woken, on whatever thread wakes it.
struct Looking(TurnService, mpsc::Sender<Option<TurnState>>);

impl Wake for Looking {
    fn wake(self: Arc<Self>) {
        let _ = self.1.send(self.0.state());
    }
}

#[test]
fn a_waker_may_look_at_the_service() {
    let home = multi_threaded();
    let (turn, script) = service_on(&home);
    let mut states = turn.subscribe();
    let (tx, rx) = mpsc::channel();
    let waker = Waker::from(Arc::new(Looking(turn, tx)));
    assert!(states.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    script.answer(available("alice"));
    let seen = rx.recv_timeout(Duration::from_secs(10)).expect("it is woken, and not stuck");
    assert_eq!(seen.unwrap().available().unwrap().username(), "alice");
}

#[test]
fn a_runtime_that_never_ran_the_task_keeps_nothing_of_a_session_that_ended() {
    let home = current_thread();
    let source = Arc::new(ByHand::default());
    let kept = Arc::downgrade(&source);
    let turn = TurnService::builder(source).runtime(home.handle().clone()).build();
    let _states = turn.subscribe();
    turn.end_session();
    assert!(kept.upgrade().is_none());
}

#[test]
fn nothing_is_left_on_a_runtime_of_a_subscriber_who_left() {
    let own = multi_threaded();
    let other = current_thread();
    let (turn, _script) = service_on(&own);
    other.block_on(async {
        drop(turn.subscribe());
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(other.metrics().num_alive_tasks(), 0);
}
