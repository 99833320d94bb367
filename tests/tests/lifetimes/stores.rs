//! S14 on runtimes that end: what is to be in the store is written where it still can be.

use std::time::{Duration, Instant};

use matrix_sdk_turn::TurnService;
use tests::{
    source::{available, scripted},
    store::{Behaviour, MemoryStore},
};
use tokio::runtime::{Builder, Runtime};

use super::on_a_bare_thread;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A service on a runtime that was handed credentials there.
fn service(runtime: &Runtime, store: &MemoryStore) -> TurnService {
    let (source, script) = scripted();
    let builder = TurnService::builder(source).runtime(runtime.handle().clone());
    let turn = builder.persist(store.clone()).build();
    script.answer(available("alice"));
    runtime.block_on(turn.get()).unwrap();
    turn
}

fn wait_until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "it never is");
        std::thread::yield_now();
    }
}

#[test]
fn s14_a_logout_after_the_services_runtime_ended_is_written_on_the_one_of_who_says_so() {
    let (ended, alive) = (runtime(), runtime());
    let store = MemoryStore::default();
    let turn = service(&ended, &store);
    wait_until(|| store.entry().is_some());
    drop(ended);
    alive.block_on(async { turn.end_session() });
    wait_until(|| store.entry().is_none());
}

#[test]
fn s14_a_write_that_went_down_with_its_runtime_is_made_up_for_on_another() {
    let (ending, alive) = (runtime(), runtime());
    let store = MemoryStore::default();
    let turn = service(&ending, &store);
    wait_until(|| store.entry().is_some());
    store.behave(Behaviour::Hanging);
    let state = turn.state().unwrap();
    // Its removal hangs.
    turn.report_rejected(state.available().unwrap());
    drop(ending);
    store.behave(Behaviour::Sound);
    alive.block_on(async { turn.end_session() });
    wait_until(|| store.entry().is_none());
}

#[test]
fn s14_a_logout_on_a_thread_without_a_runtime_is_written_on_the_services() {
    let runtime = runtime();
    let store = MemoryStore::default();
    let turn = service(&runtime, &store);
    wait_until(|| store.entry().is_some());
    on_a_bare_thread(move || turn.end_session());
    wait_until(|| store.entry().is_none());
    wait_until(|| store.owners() == 1);
}

#[test]
fn s14_with_no_runtime_left_nothing_is_written_and_nothing_panics() {
    let ended = runtime();
    let store = MemoryStore::default();
    let turn = service(&ended, &store);
    wait_until(|| store.entry().is_some());
    drop(ended);
    on_a_bare_thread(move || turn.end_session());
    assert!(store.entry().is_some(), "the next session discards it");
    wait_until(|| store.owners() == 1);
}
