//! A service has a runtime of its own choosing, works on any thread, and outlives runtimes.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, executor::block_on};
use matrix_sdk_turn::{
    Clock, Timestamp, TurnServerSource, TurnService, TurnState, TurnStates, UnavailableReason,
};
use tests::{
    homeserver::{Homeserver, turn_servers},
    source::{Outcome, Script, available, available_for, scripted, unavailable},
};
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
fn when_the_runtime_has_ended_the_task_moves_to_that_of_a_subscriber() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    let other = multi_threaded();
    let mut states = other.block_on(async { turn.subscribe() });
    drop(own);
    script.answer(available("alice"));
    within(Duration::from_secs(10), move || {
        // Asked on the runtime that ended, and asked again on this one.
        let state = other.block_on(async {
            loop {
                let state = states.next().await.unwrap();
                if state.available().is_some() {
                    return state;
                }
            }
        });
        assert_eq!(state.available().unwrap().username(), "alice");
        assert_eq!(other.block_on(turn.get()).unwrap().username(), "alice");
    });
}

#[test]
fn a_service_whose_runtime_has_ended_works_at_once_on_another() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    drop(own);
    script.answer(available("alice"));
    within(Duration::from_secs(10), move || {
        let alice = current_thread().block_on(turn.get());
        assert_eq!(alice.unwrap().username(), "alice");
    });
}

#[test]
fn without_any_runtime_left_whoever_waits_is_told_so() {
    let own = multi_threaded();
    let (turn, _script) = service_on(&own);
    drop(own);
    within(Duration::from_secs(10), move || {
        let why = block_on(turn.get()).unwrap_err();
        assert_eq!(why.reason(), UnavailableReason::Unreachable);
        assert!(why.to_string().contains("runtime"), "{why}");
        let state = block_on(turn.subscribe().next()).unwrap();
        assert_eq!(state.unavailable().unwrap().reason(), UnavailableReason::Unreachable);
    });
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_a_request_wakes_who_waits_for_the_answer() {
    let own = multi_threaded();
    let (turn, script) = service_on(&own);
    let waiting = std::thread::spawn(move || block_on(turn.get()));
    let asked = Instant::now();
    while script.requests() == 0 {
        assert!(asked.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
    drop(own);
    let outcome = within(Duration::from_secs(10), move || waiting.join().unwrap());
    assert_eq!(outcome.unwrap_err().reason(), UnavailableReason::Unreachable);
}

#[test]
fn a_runtime_that_nobody_drives_holds_nobody_up() {
    let idle = current_thread();
    let (turn, script) = service_on(&idle);
    script.answer(available("alice"));
    within(Duration::from_secs(10), move || {
        let other = multi_threaded();
        let asked = Instant::now();
        assert_eq!(other.block_on(turn.get()).unwrap().username(), "alice");
        assert!(asked.elapsed() < Duration::from_secs(5));
        let mut states = other.block_on(async { turn.subscribe() });
        assert!(other.block_on(states.next()).unwrap().available().is_some());
    });
    drop(idle);
}

#[test]
fn the_task_comes_home_when_its_runtime_is_driven_again() {
    let home = current_thread();
    let (turn, script) = service_on(&home);
    script.answer(available_for("alice", Duration::from_secs(4)));
    let mut states = turn.subscribe();
    let away = within(Duration::from_secs(10), move || {
        let away = multi_threaded();
        assert_eq!(away.block_on(turn.get()).unwrap().username(), "alice");
        away
    });
    home.block_on(states.next()).unwrap();
    // Were it not for this, the task would be gone with the runtime that stood in.
    drop(away);
    let expired = within(Duration::from_secs(20), move || home.block_on(states.next()));
    assert!(expired.unwrap().unavailable().is_some());
}

#[test]
fn once_the_session_has_ended_there_is_no_task_to_come_home() {
    let home = current_thread();
    let (turn, script) = service_on(&home);
    script.answer(unavailable(UnavailableReason::LoggedOut));
    let states = turn.subscribe();
    let turn = within(Duration::from_secs(10), move || {
        let why = multi_threaded().block_on(turn.get()).unwrap_err();
        assert_eq!(why.reason(), UnavailableReason::LoggedOut);
        turn
    });
    until(|| {
        home.block_on(tokio::task::yield_now());
        home.metrics().num_alive_tasks() == 0
    });
    drop((turn, states));
}

/// The system's clocks, which no runtime pauses, and so many seconds.
#[derive(Clone, Debug, Default)]
struct ClockAhead(Arc<AtomicU64>);

impl Clock for ClockAhead {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_secs(self.0.load(Ordering::Relaxed));
        Timestamp { monotonic: Instant::now() + ahead, wall: SystemTime::now() + ahead }
    }
}

#[test]
fn a_task_that_waits_for_its_next_step_is_left_where_it_is() {
    nobody_takes_the_task_while_it_waits(|script, states, subscriber| {
        script.answer(available("alice"));
        assert!(subscriber.block_on(states.next()).unwrap().available().is_some());
    });
}

#[test]
fn a_task_that_waits_for_an_answer_is_left_where_it_is() {
    nobody_takes_the_task_while_it_waits(|script, _states, _subscriber| {
        until(|| script.requests() == 1);
    });
}

fn nobody_takes_the_task_while_it_waits(wait: impl FnOnce(&Script, &mut TurnStates, &Runtime)) {
    let home = multi_threaded();
    let clock = ClockAhead::default();
    let (source, script) = scripted();
    let builder = TurnService::builder(source).clock(clock.clone());
    let turn = builder.runtime(home.handle().clone()).build();

    let other = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut states = other.block_on(async { turn.subscribe() });
    wait(&script, &mut states, &other);
    // The one thread of that runtime has done what there was to do, and cannot take the task back.
    let (begins, has_begun) = mpsc::channel();
    let (end, is_ended) = mpsc::channel::<()>();
    home.spawn(async move {
        begins.send(()).unwrap();
        let _ = is_ended.recv();
    });
    has_begun.recv().unwrap();
    clock.0.store(5, Ordering::Relaxed);
    other.block_on(async { tokio::time::sleep(Duration::from_secs(60)).await });
    assert_eq!(other.metrics().num_alive_tasks(), 1, "what would stand in, and no task");
    drop(end);
}

#[test]
fn a_runtime_that_nobody_drives_any_more_keeps_its_request_to_itself() {
    let serving = multi_threaded();
    let homeserver = serving.block_on(Homeserver::start());
    let slow = turn_servers("alice", 3600).set_delay(Duration::from_millis(100));
    serving.block_on(homeserver.answer_turn_servers(slow));
    let idle = current_thread();
    let turn = idle.block_on(async { TurnService::new(&homeserver.client) });
    idle.block_on(async {
        let _states = turn.subscribe();
        while homeserver.turn_server_requests().await == 0 {
            tokio::task::yield_now().await;
        }
    });

    let turn = within(Duration::from_secs(20), move || {
        let other = multi_threaded();
        let mut states = other.block_on(async { turn.subscribe() });
        other.block_on(async {
            // The first request is given up; the next one follows within a second of that.
            while states.next().await.unwrap().available().is_none() {}
        });
        // It does not wait for anything.
        let alice = other.block_on(async { turn.get().now_or_never() });
        assert_eq!(alice.unwrap().unwrap().username(), "alice");
        turn
    });
    let _entered = serving.enter();
    drop((turn, idle, homeserver));
}

/// Answers each request by hand, and keeps those that nobody waits for any more.
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

impl ByHand {
    fn requests(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn answer(&self, request: usize, outcome: Outcome) {
        let answer = std::mem::replace(&mut self.0.lock().unwrap()[request], oneshot::channel().0);
        let _ = answer.send(outcome);
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
fn the_answer_to_a_request_that_was_given_up_is_not_taken_for_that_to_the_next() {
    let home = current_thread();
    let source = Arc::new(ByHand::default());
    let turn = TurnService::builder(source.clone()).runtime(home.handle().clone()).build();
    let _kept = turn.subscribe();
    home.block_on(async {
        while source.requests() == 0 {
            tokio::task::yield_now().await;
        }
    });
    source.answer(0, available("given up"));

    let away = multi_threaded();
    let mut states = away.block_on(async { turn.subscribe() });
    until(|| source.requests() == 2);
    // Somebody drives it again, so that the first task sees its answer.
    home.block_on(async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    });
    source.answer(1, available("next"));
    let server = away.block_on(async {
        loop {
            if let Some(server) = states.next().await.unwrap().available() {
                return server.clone();
            }
        }
    });
    assert_eq!(server.username(), "next");
}

#[test]
fn a_runtime_that_ends_before_it_ran_the_task_wakes_who_waits() {
    let home = current_thread();
    let (turn, _script) = service_on(&home);
    let mut states = turn.subscribe();
    let waiting = std::thread::spawn(move || block_on(states.next()));
    drop(home);
    let state = within(Duration::from_secs(10), move || waiting.join().unwrap()).unwrap();
    assert_eq!(state.unavailable().unwrap().reason(), UnavailableReason::Unreachable);
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
