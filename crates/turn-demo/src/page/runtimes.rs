//! A subscriber on a runtime of its own, which ends.

use std::{sync::Arc, thread, time::Duration};

use matrix_sdk_turn::TurnService;
use tokio::{runtime, time::timeout};

use super::events::{Events, Kind, Track};

/// The library answers within 8 s, whatever happens.
const FIRST_STATE: Duration = Duration::from_secs(10);

/// Subscribes on a new runtime, waits for what there is, and ends the runtime beneath the subscription.
pub(super) fn subscribe_and_end(turn: &TurnService, events: &Arc<Events>) {
    let (turn, events) = (turn.clone(), events.clone());
    thread::spawn(move || {
        let note = |text: &str| events.add(Track::Ours, Kind::Note, text);
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return note(&format!("no other runtime started: {error}")),
        };
        note("somebody subscribes on another runtime");
        let mut states = turn.subscribe();
        let told = runtime.block_on(async { timeout(FIRST_STATE, states.next()).await.is_ok() });
        drop(runtime);
        drop(states);
        note(if told {
            "that runtime has ended; the service's task runs on its own"
        } else {
            "that runtime has ended before there was an answer"
        });
    });
}
