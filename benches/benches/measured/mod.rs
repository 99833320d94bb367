//! What is measured, by the clock in `handle.rs` and by instructions in `instructions.rs`.

mod cycle;
mod envelope;
mod fan_out;
mod passthrough;
mod service;

use matrix_sdk::Room;
use matrix_sdk_turn::{TurnServerSource, TurnService, TurnServiceBuilder, TurnWidgetDriverHandle};
use serde_json::Value;
use tests::{homeserver::Homeserver, widget::WIDGET_ID};
use tokio::runtime::{Builder, Runtime};

/// Something that is done many times over. What it needs is set up once, before it.
pub(crate) struct Case {
    pub(crate) name: String,
    /// How often it is done so that its instructions can be counted. 0: that would take too long.
    ///
    /// One run's setup may take 50,000 instructions more than another's. Enough repetitions make that
    /// negligible.
    pub(crate) times: u64,
    /// Returns what does it so many times.
    pub(crate) set_up: Box<dyn Fn() -> Box<dyn FnMut(u64)>>,
}

impl Case {
    fn new<R: FnMut(u64) + 'static>(
        name: impl Into<String>,
        times: u64,
        set_up: impl Fn() -> R + 'static,
    ) -> Self {
        Self { name: name.into(), times, set_up: Box::new(move || Box::new(set_up())) }
    }
}

/// All of them. Those whose names differ only in `sdk` and `turn` are a pair.
pub(crate) fn cases() -> Vec<Case> {
    passthrough::cases()
        .chain(envelope::cases())
        .chain(cycle::cases())
        .chain(fan_out::cases())
        .chain(service::cases())
        .collect()
}

/// Where a widget is hosted.
struct World {
    /// One thread, as on a client that hosts a widget, and so that instructions can be counted.
    runtime: Runtime,
    room: Room,
    _homeserver: Homeserver,
}

impl World {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let homeserver = runtime.block_on(Homeserver::start());
        let room = runtime.block_on(homeserver.room());
        Self { runtime, room, _homeserver: homeserver }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// As a client does: in a task. To wake what is blocked on takes a system call each time.
    fn run_in_task(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.run(self.runtime.spawn(future)).unwrap();
    }

    fn service(&self, source: impl TurnServerSource) -> TurnServiceBuilder {
        TurnService::builder(source).runtime(self.runtime.handle().clone())
    }
}

/// A request of the widget's, with its fields in the order in which matrix-widget-api writes them.
fn request(action: &str, data: &Value) -> String {
    format!(
        r#"{{"api":"fromWidget","widgetId":"{WIDGET_ID}","requestId":"widgetapi-1764000000000-7","action":"{action}","data":{data}}}"#
    )
}

/// Receives an update, and acknowledges it.
async fn acknowledge(handle: &TurnWidgetDriverHandle) {
    let mut update = handle.recv().await.unwrap();
    update.pop();
    update.push_str(",\"response\":{}}");
    handle.send(update).await;
}
