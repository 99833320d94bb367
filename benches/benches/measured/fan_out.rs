//! From a new state in the service to the message leaving the handle, for so many widgets that watch,
//! and their acknowledgements.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use matrix_sdk::Room;
use matrix_sdk_turn::{
    Clock, Timestamp, TurnServerCapability, TurnService, TurnWidgetDriverHandle,
};
use serde_json::json;
use tests::{
    source::{available, scripted},
    widget::{Provider, TURN, Widget},
};

use super::{Case, World, acknowledge};

/// The schedule leaves at least 10 s between two requests.
const BETWEEN_REQUESTS: Duration = Duration::from_secs(11);

pub(super) fn cases() -> impl Iterator<Item = Case> {
    [(1, 3_000), (100, 50), (10_000, 0)].into_iter().map(|(widgets, times)| {
        Case::new(format!("new state/{widgets} widgets"), times, move || new_state(widgets))
    })
}

fn new_state(widgets: usize) -> impl FnMut(u64) {
    let world = World::start();
    let clock = SteppedClock::default();
    let (source, script) = scripted();
    let turn = world.service(source).clock(clock.clone()).build();
    script.answer(available("alice"));
    let handles: Arc<[_]> = world.run(watching(&world.room, &turn, widgets)).into();
    let mut states = 0;
    move |times| {
        let (clock, script, turn, handles) =
            (clock.clone(), script.clone(), turn.clone(), handles.clone());
        let new = states..states + times;
        states = new.end;
        world.run_in_task(async move {
            for state in new {
                clock.step(BETWEEN_REQUESTS);
                script.answer(available(&format!("alice{state}")));
                turn.refresh();
                for handle in &*handles {
                    acknowledge(handle).await;
                }
            }
        });
    }
}

/// That many widgets which hold credentials.
async fn watching(room: &Room, turn: &TurnService, widgets: usize) -> Vec<TurnWidgetDriverHandle> {
    let capability = TurnServerCapability::new(turn.clone());
    let mut handles = Vec::with_capacity(widgets);
    for _ in 0..widgets {
        let mut widget = Widget::start(&capability, room.clone(), Provider::Grant);
        widget.negotiate(&[TURN]).await;
        widget.expect_response("watch_turn_servers", json!({})).await;
        acknowledge(&widget.handle).await;
        handles.push(widget.handle);
    }
    handles
}

/// Moves by hand, so that the service may ask again at once.
#[derive(Clone, Debug)]
struct SteppedClock(Arc<Mutex<Timestamp>>);

impl Default for SteppedClock {
    fn default() -> Self {
        let now = Timestamp { monotonic: Instant::now(), wall: SystemTime::now() };
        Self(Arc::new(Mutex::new(now)))
    }
}

impl SteppedClock {
    fn step(&self, span: Duration) {
        let mut now = self.0.lock().unwrap();
        now.monotonic += span;
        now.wall += span;
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
