//! What holds the SDK's `Client` is dropped inside a runtime, on whatever thread it is dropped.
//!
//! The client has a SQLite store, whose destructor panics outside of a runtime. The panic would be
//! one in a destructor, so a test that fails here aborts.

use std::{
    cell::RefCell,
    sync::Arc,
    time::{Duration, Instant},
};

use matrix_sdk::{Client, Room, config::SyncSettings, store::RoomLoadSettings};
use matrix_sdk_turn::{ClientStore, HomeserverSource, TurnServerCapability, TurnService};
use tempfile::TempDir;
use tests::{
    homeserver::{Homeserver, room_id, session, turn_servers},
    widget::{Provider, settings},
};
use tokio::runtime::{Builder, Handle, Runtime};

use super::{on_a_bare_thread, sessions::witness};

/// A service whose `Client` is held by nobody else.
struct LastOwner {
    turn: Option<TurnService>,
    /// Where the client and the service run.
    runtime: Option<Runtime>,
    /// Gone when the client is.
    alive: Arc<()>,
    homeserver: Option<Homeserver>,
    /// Where the homeserver runs.
    serving: Runtime,
    _directory: TempDir,
}

impl LastOwner {
    /// With a room of the client's.
    fn start() -> (Self, Room) {
        let [runtime, serving] = [runtime(), runtime()];
        let directory = tempfile::tempdir().unwrap();
        let homeserver = serving.block_on(Homeserver::start());
        serving.block_on(homeserver.answer_turn_servers(turn_servers("alice", 3600)));
        let client = runtime.block_on(client_with_sqlite_store(&homeserver, &directory));
        let alive = witness(&client);
        let (turn, room) = runtime.block_on(async {
            client.sync_once(SyncSettings::default()).await.unwrap();
            let room = client.get_room(&room_id()).unwrap();
            let source = HomeserverSource::new(&client);
            let turn = TurnService::builder(source).persist(ClientStore::new(&client)).build();
            drop(client);
            (turn, room)
        });
        wait_for_the_tasks_of_the_sdk(&runtime);
        let owner = Self {
            turn: Some(turn),
            runtime: Some(runtime),
            alive,
            homeserver: Some(homeserver),
            serving,
            _directory: directory,
        };
        (owner, room)
    }

    /// Drops it where that is no problem.
    fn drop_inside(&self, room: Room) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(async { drop(room) });
        }
    }

    /// Whether the client is gone, or soon is: some task may have to let go of it.
    fn client_is_gone(&self) -> bool {
        let dropped = Instant::now();
        while Arc::strong_count(&self.alive) > 1 {
            if dropped.elapsed() > Duration::from_secs(1) {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }
}

impl Drop for LastOwner {
    fn drop(&mut self) {
        // wiremock needs a runtime.
        let homeserver = self.homeserver.take();
        self.serving.block_on(async { drop(homeserver) });
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The SDK's tasks start one by one after a login, and some hold the client while they do.
fn wait_for_the_tasks_of_the_sdk(runtime: &Runtime) {
    let (mut tasks, mut since) = (usize::MAX, Instant::now());
    while since.elapsed() < Duration::from_millis(100) {
        let now = runtime.metrics().num_alive_tasks();
        if now != tasks {
            (tasks, since) = (now, Instant::now());
        }
        std::thread::yield_now();
    }
}

/// Drops a service on whatever thread, until it was the last owner of the client.
fn as_the_last_owner(drop_it: impl Fn(TurnService, &mut LastOwner)) {
    as_the_last_owner_of_a_room(|turn, room, owner| {
        owner.drop_inside(room);
        drop_it(turn, owner);
    });
}

/// The same, of a service and a room.
fn as_the_last_owner_of_a_room(drop_it: impl Fn(TurnService, Room, &mut LastOwner)) {
    for _ in 0..20 {
        let (mut owner, room) = LastOwner::start();
        let turn = owner.turn.take().unwrap();
        drop_it(turn, room, &mut owner);
        if owner.client_is_gone() {
            return;
        }
    }
    panic!("the SDK holds on to the client");
}

async fn client_with_sqlite_store(homeserver: &Homeserver, directory: &TempDir) -> Client {
    let client = Client::builder()
        .homeserver_url(homeserver.server.uri())
        .sqlite_store(directory.path(), None)
        .build()
        .await
        .unwrap();
    let auth = client.matrix_auth();
    auth.restore_session(session(None), RoomLoadSettings::default()).await.unwrap();
    drop(auth);
    client
}

#[test]
fn the_last_service_is_dropped_on_a_bare_thread() {
    as_the_last_owner(|turn, _| on_a_bare_thread(move || drop(turn)));
}

#[test]
fn the_last_stream_is_dropped_on_a_bare_thread() {
    as_the_last_owner(|turn, _| {
        let states = on_a_bare_thread(move || {
            let mut states = turn.subscribe();
            drop(turn);
            let state = futures::executor::block_on(states.next()).unwrap();
            assert_eq!(state.available().unwrap().username(), "alice");
            states
        });
        on_a_bare_thread(move || drop(states));
    });
}

#[test]
fn a_service_is_dropped_after_its_runtime_has_shut_down() {
    as_the_last_owner(|turn, owner| {
        let states = turn.subscribe();
        drop(owner.runtime.take());
        on_a_bare_thread(move || drop((states, turn)));
    });
}

#[test]
fn a_runtime_shuts_down_in_the_middle_of_a_request() {
    as_the_last_owner(|turn, owner| {
        let states = turn.subscribe();
        drop(turn);
        let runtime = owner.runtime.take();
        let ending = std::thread::spawn(move || drop(runtime));
        on_a_bare_thread(move || drop(states));
        ending.join().unwrap();
    });
}

#[test]
fn a_panic_that_unwinds_drops_the_last_service() {
    as_the_last_owner(|turn, _| {
        let unwound = std::thread::spawn(move || {
            let _turn = turn;
            panic!("on purpose");
        });
        assert!(unwound.join().is_err());
    });
}

#[test]
fn a_driver_that_never_ran_is_dropped_on_a_bare_thread() {
    as_the_last_owner(|turn, _| {
        on_a_bare_thread(move || {
            let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings());
            drop(handle);
            drop(driver);
        });
    });
}

#[test]
fn a_driver_whose_future_is_dropped_on_a_bare_thread_lets_go_of_its_room_inside_a_runtime() {
    for is_polled in [false, true] {
        as_the_last_owner_of_a_room(|turn, room, owner| {
            let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings());
            let mut running = Box::pin(driver.run(room, Provider::Grant));
            if is_polled {
                owner
                    .runtime
                    .as_ref()
                    .unwrap()
                    .block_on(async { assert!(futures::poll!(&mut running).is_pending()) });
            }
            on_a_bare_thread(move || drop((running, handle)));
        });
    }
}

#[test]
fn a_driver_that_knows_no_runtime_at_all_leaks_its_room_rather_than_abort() {
    let (owner, room) = LastOwner::start();
    on_a_bare_thread(move || {
        let (driver, handle) = TurnServerCapability::shared().widget_driver(settings());
        drop(driver.run(room, Provider::Grant));
        drop(handle);
    });
    drop(owner);
}

#[test]
fn a_driver_that_is_polled_without_any_runtime_says_so_and_does_not_abort() {
    let (owner, room) = LastOwner::start();
    let polled = std::thread::spawn(move || {
        let (driver, _handle) = TurnServerCapability::shared().widget_driver(settings());
        futures::executor::block_on(driver.run(room, Provider::Grant))
    });
    let text = *polled.join().unwrap_err().downcast::<&str>().unwrap();
    assert!(text.contains("no tokio runtime"), "{text}");
    drop(owner);
}

#[test]
fn a_driver_of_a_service_runs_on_any_executor() {
    let (mut owner, room) = LastOwner::start();
    let turn = owner.turn.take().unwrap();
    let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings());
    let running =
        std::thread::spawn(move || futures::executor::block_on(driver.run(room, Provider::Grant)));
    drop(handle);
    assert_eq!(running.join().unwrap(), Err(()));
}

thread_local! {
    static KEPT: RefCell<Option<TurnService>> = const { RefCell::new(None) };
}

#[test]
fn a_thread_that_ends_drops_the_last_service_with_its_thread_locals() {
    as_the_last_owner(|turn, _| {
        on_a_bare_thread(move || {
            // Before tokio's own, which is therefore gone by the time that this is dropped.
            KEPT.with(|kept| drop(kept.borrow_mut().take()));
            assert!(Handle::try_current().is_err());
            KEPT.with(|kept| *kept.borrow_mut() = Some(turn));
        });
    });
}

#[test]
fn a_source_and_a_builder_are_dropped_on_a_bare_thread() {
    let (owner, room) = LastOwner::start();
    owner.drop_inside(room);
    let directory = tempfile::tempdir().unwrap();
    let runtime = owner.runtime.as_ref().unwrap();
    let homeserver = owner.homeserver.as_ref().unwrap();
    for builds in [false, true] {
        let client = runtime.block_on(client_with_sqlite_store(homeserver, &directory));
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
    as_the_last_owner(|turn, owner| {
        let kept = on_a_bare_thread(move || {
            turn.end_session();
            turn
        });
        assert!(format!("{kept:?}").contains("source: None"), "{kept:?}");
        owner.turn = Some(kept);
    });
}
