//! What holds the SDK's `Client` is dropped inside a runtime, on whatever thread it is dropped.
//!
//! The client has a SQLite store, whose destructor panics outside of a runtime. The panic would be
//! one in a destructor, so a test that fails here aborts.

use std::cell::RefCell;

use matrix_sdk::{Client, config::StoreConfig, store::RoomLoadSettings};
use matrix_sdk_common::cross_process_lock::CrossProcessLockConfig;
use matrix_sdk_sqlite::SqliteStateStore;
use matrix_sdk_turn::{HomeserverSource, TurnService};
use tempfile::TempDir;
use tests::homeserver::{Homeserver, session, turn_servers};
use tokio::runtime::{Builder, Runtime};

use super::on_a_bare_thread;

/// A service whose `Client` is held by nobody else.
struct LastOwner {
    turn: Option<TurnService>,
    runtime: Option<Runtime>,
    homeserver: Homeserver,
    _directory: TempDir,
}

impl LastOwner {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let homeserver = runtime.block_on(Homeserver::start());
        runtime.block_on(homeserver.answer_turn_servers(turn_servers("alice", 3600)));
        let client = runtime.block_on(client_with_sqlite_store(&homeserver, &directory));
        let turn = runtime.block_on(async { TurnService::new(&client) });
        runtime.block_on(async { drop(client) });
        Self { turn: Some(turn), runtime: Some(runtime), homeserver, _directory: directory }
    }

    fn take_turn(&mut self) -> TurnService {
        self.turn.take().unwrap()
    }
}

impl Drop for LastOwner {
    fn drop(&mut self) {
        // wiremock and the homeserver's own client need a runtime as well.
        let runtime = self.runtime.take().unwrap_or_else(|| Runtime::new().unwrap());
        let _entered = runtime.enter();
        let client = self.homeserver.client.clone();
        runtime.block_on(async { drop(client) });
    }
}

async fn client_with_sqlite_store(homeserver: &Homeserver, directory: &TempDir) -> Client {
    let store = SqliteStateStore::open(directory.path(), None).await.unwrap();
    let config = StoreConfig::new(CrossProcessLockConfig::SingleProcess).state_store(store);
    let builder = Client::builder().homeserver_url(homeserver.server.uri()).store_config(config);
    let client = builder.build().await.unwrap();
    let auth = client.matrix_auth();
    auth.restore_session(session(None), RoomLoadSettings::default()).await.unwrap();
    drop(auth);
    client
}

#[test]
fn the_last_service_is_dropped_on_a_bare_thread() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    on_a_bare_thread(move || drop(turn));
}

#[test]
fn the_last_stream_is_dropped_on_a_bare_thread() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    on_a_bare_thread(move || {
        let mut states = turn.subscribe();
        drop(turn);
        let state = futures::executor::block_on(states.next()).unwrap();
        assert_eq!(state.available().unwrap().username(), "alice");
    });
}

#[test]
fn a_service_is_dropped_after_its_runtime_has_shut_down() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    let states = turn.subscribe();
    owner.runtime.take().unwrap().shutdown_background();
    on_a_bare_thread(move || drop((states, turn)));
}

#[test]
fn a_runtime_shuts_down_in_the_middle_of_a_request() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    let states = turn.subscribe();
    drop(turn);
    let runtime = owner.runtime.take().unwrap();
    let ending = std::thread::spawn(move || drop(runtime));
    on_a_bare_thread(move || drop(states));
    ending.join().unwrap();
}

#[test]
fn a_panic_that_unwinds_drops_the_last_service() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    let unwound = std::thread::spawn(move || {
        let _states = turn.subscribe();
        panic!("on purpose");
    })
    .join();
    assert!(unwound.is_err());
}

thread_local! {
    static KEPT: RefCell<Option<TurnService>> = const { RefCell::new(None) };
}

#[test]
fn a_thread_that_ends_drops_the_last_service_with_its_thread_locals() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    on_a_bare_thread(move || {
        // After tokio's own, so that this thread can enter no runtime by then.
        KEPT.with(|kept| drop(kept.borrow_mut().take()));
        assert!(tokio::runtime::Handle::try_current().is_err());
        KEPT.with(|kept| *kept.borrow_mut() = Some(turn));
    });
}

#[test]
fn a_source_and_a_builder_are_dropped_on_a_bare_thread() {
    let owner = LastOwner::start();
    let directory = tempfile::tempdir().unwrap();
    let runtime = owner.runtime.as_ref().unwrap();
    for builds in [false, true] {
        let client = runtime.block_on(client_with_sqlite_store(&owner.homeserver, &directory));
        let source = runtime.block_on(async { HomeserverSource::new(&client) });
        runtime.block_on(async { drop(client) });
        on_a_bare_thread(move || {
            if builds {
                drop(TurnService::builder(source));
            } else {
                drop(source);
            }
        });
    }
}

#[test]
fn the_end_of_the_session_lets_go_of_the_client_while_the_service_is_kept() {
    let mut owner = LastOwner::start();
    let turn = owner.take_turn();
    let kept = on_a_bare_thread(move || {
        turn.end_session();
        turn
    });
    assert!(format!("{kept:?}").contains("source: None"), "{kept:?}");
}
