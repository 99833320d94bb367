//! A message that does not concern TURN, there and back: through the SDK's driver and handle, and
//! through ours.

use std::sync::Arc;

use matrix_sdk::widget::{WidgetDriver, WidgetDriverHandle};
use matrix_sdk_turn::{DenyTurnServers, TurnServerCapability, TurnWidgetDriverHandle};
use serde_json::json;
use tests::{
    source::scripted,
    widget::{PlainProvider, settings},
};

use super::{Case, World, request};

/// With how often each is done.
const SIZES: [(&str, usize, u64); 6] = [
    ("130 B", 130, 5_000),
    ("200 B", 200, 5_000),
    ("2 KiB", 2 << 10, 5_000),
    ("64 KiB", 64 << 10, 200),
    ("200 KiB", 200 << 10, 100),
    ("2 MiB", 2 << 20, 20),
];

pub(super) fn cases() -> impl Iterator<Item = Case> {
    let sizes = SIZES.into_iter().map(|(name, bytes, times)| (name, message_of(bytes), times));
    sizes.chain([("64 KiB, data first", data_first(64 << 10), 200)]).flat_map(
        |(name, message, times)| {
            let same = message.clone();
            [
                Case::new(format!("passthrough/sdk/{name}"), times, move || {
                    through_sdk(message.clone())
                }),
                Case::new(format!("passthrough/turn/{name}"), times, move || {
                    through_turn(same.clone())
                }),
            ]
        },
    )
}

/// A request of that length which the SDK answers with an error that repeats it.
pub(super) fn message_of(bytes: usize) -> String {
    let message = |text: &str| request("org.example.unknown", &json!({ "text": text }));
    message(&"x".repeat(bytes - message("").len()))
}

/// The same in an order that makes us parse it.
fn data_first(bytes: usize) -> String {
    let message = message_of(bytes);
    let (others, data) = message.split_once(r#","data":"#).unwrap();
    format!(
        r#"{{"data":{},{}}}"#,
        data.strip_suffix('}').unwrap(),
        others.strip_prefix('{').unwrap()
    )
}

fn through_sdk(message: String) -> impl FnMut(u64) {
    let world = World::start();
    let (driver, handle) = WidgetDriver::new(settings());
    world.runtime.spawn(driver.run(world.room.clone(), PlainProvider));
    there_and_back(world, handle, message)
}

fn through_turn(message: String) -> impl FnMut(u64) {
    let world = World::start();
    let turn = world.service(scripted().0).build();
    let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings());
    world.runtime.spawn(driver.run(world.room.clone(), DenyTurnServers(PlainProvider)));
    there_and_back(world, handle, message)
}

/// A handle, the SDK's or ours, that passes on a message and receives the answer.
trait Exchange: Send + Sync + 'static {
    fn exchange(&self, message: String) -> impl Future<Output = Option<String>> + Send;
}

impl Exchange for WidgetDriverHandle {
    async fn exchange(&self, message: String) -> Option<String> {
        self.send(message).await;
        self.recv().await
    }
}

impl Exchange for TurnWidgetDriverHandle {
    async fn exchange(&self, message: String) -> Option<String> {
        self.send(message).await;
        self.recv().await
    }
}

fn there_and_back(world: World, handle: impl Exchange, message: String) -> impl FnMut(u64) {
    let handle = Arc::new(handle);
    move |times| {
        let (handle, message) = (handle.clone(), message.clone());
        world.run_in_task(async move {
            for _ in 0..times {
                handle.exchange(message.clone()).await.unwrap();
            }
        });
    }
}
