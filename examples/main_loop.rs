//! A desktop client: its user interface belongs to one thread with a main loop, as with GTK, and that
//! thread is not one of tokio's.
//!
//! ```sh
//! cargo run --package examples --example main_loop
//! ```
//!
//! tokio runs on threads of its own, for the `Client` and everything beneath it. The main loop polls the
//! stream of credentials like any other future: what comes out goes straight to widgets, which are
//! neither `Send` nor `Sync`, and no channel is needed in between.
//!
//! `futures`' `LocalPool` stands in for `glib::MainContext`. With GTK, `spawner.spawn_local(…)` is
//! `glib::spawn_future_local(…)`, and `pool.run_until(…)` is `application.run()`.

use std::{cell::RefCell, rc::Rc, time::Duration};

use examples::{describe, log_in, say};
use futures::{
    channel::oneshot,
    executor::{LocalPool, LocalSpawner},
    task::LocalSpawnExt,
};
use matrix_sdk_turn::{HomeserverSource, TurnService, TurnState};
use turn_embedded::EmbeddedServers;

/// Short, so that there is something to see within half a minute.
const TTL: Duration = Duration::from_secs(20);

/// After so many updates the window is closed.
const UPDATES: usize = 3;

fn main() -> anyhow::Result<()> {
    // Threads for tokio. None of them ever touches the user interface.
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let servers = tokio.block_on(EmbeddedServers::start(TTL, None))?;
    let client = tokio.block_on(log_in(&servers.homeserver))?;

    // This thread has no tokio runtime, so the service is told which one is its own. (Outside of one,
    // `TurnService::new(&client)` would panic.)
    let turn = TurnService::builder(HomeserverSource::new(&client))
        .runtime(tokio.handle().clone())
        .build();

    let mut main_loop = LocalPool::new();
    let closed = open_window(&main_loop.spawner(), &turn)?;
    say("the main loop runs, on a thread that is not tokio's");
    main_loop.run_until(closed)?;

    // Logging out: from here on nothing is asked, and the stream in the main loop ends.
    turn.end_session();
    main_loop.run();
    tokio.block_on(servers.stop());
    say("the window is closed, and nothing runs any more");
    Ok(())
}

/// Something of the user interface's: `Rc`, `RefCell`, and no thread but the main loop's.
#[derive(Default)]
struct Window {
    status: RefCell<String>,
    updates: RefCell<usize>,
}

impl Window {
    fn show(&self, state: &TurnState) {
        let text = match state.available() {
            Some(server) => format!("calls work: {}", describe(server)),
            None => format!(
                "no relays: {}",
                state.unavailable().map(ToString::to_string).unwrap_or_default()
            ),
        };
        *self.updates.borrow_mut() += 1;
        say(format_args!("status bar: {text}"));
        self.status.replace(text);
    }
}

/// Resolves when the user has seen enough.
fn open_window(
    main_loop: &LocalSpawner,
    turn: &TurnService,
) -> anyhow::Result<oneshot::Receiver<()>> {
    let (close, closed) = oneshot::channel();
    let window = Rc::new(Window::default());
    // The stream may be polled on any thread. Keeping it keeps the credentials fresh; dropping it, as a
    // window that is closed does, stops the requests.
    let mut states = turn.subscribe();
    main_loop.spawn_local(async move {
        let mut close = Some(close);
        while let Some(state) = states.next().await {
            window.show(&state);
            if *window.updates.borrow() == UPDATES
                && let Some(close) = close.take()
            {
                // Nobody waits for it any more if the main loop has ended already.
                let _ = close.send(());
            }
        }
        say("the stream has ended with the session");
    })?;
    Ok(closed)
}
