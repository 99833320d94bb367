//! A message that does not concern TURN, there and back: through the SDK's driver and handle, and
//! through ours.

use matrix_sdk::widget::{WidgetDriver, WidgetDriverHandle};
use matrix_sdk_turn::{DenyTurnServers, TurnServerCapability, TurnService, TurnWidgetDriverHandle};
use serde_json::json;
use tests::{
    homeserver::Homeserver,
    source::scripted,
    widget::{PlainProvider, settings},
};

use super::{Case, request, runtime};

/// With how often each is done.
const SIZES: [(&str, usize, u32); 5] = [
    ("200 B", 200, 1_000),
    ("2 KiB", 2 << 10, 1_000),
    ("64 KiB", 64 << 10, 50),
    ("200 KiB", 200 << 10, 20),
    ("2 MiB", 2 << 20, 5),
];

pub(super) fn cases() -> impl Iterator<Item = Case> {
    SIZES.into_iter().flat_map(|(name, bytes, times)| {
        [
            Case::new(format!("passthrough/sdk/{name}"), times, move || through_sdk(bytes)),
            Case::new(format!("passthrough/turn/{name}"), times, move || through_turn(bytes)),
        ]
    })
}

/// A request of that length which the SDK answers with an error that repeats it.
fn message_of(bytes: usize) -> String {
    let message = |text: &str| request("org.example.unknown", &json!({ "text": text }));
    message(&"x".repeat(bytes - message("").len()))
}

fn through_sdk(bytes: usize) -> impl FnMut() {
    async fn there_and_back(handle: &WidgetDriverHandle, message: String) {
        handle.send(message).await;
        handle.recv().await.unwrap();
    }

    let runtime = runtime();
    let homeserver = runtime.block_on(Homeserver::start());
    let (driver, handle) = WidgetDriver::new(settings());
    let room = runtime.block_on(homeserver.room());
    runtime.spawn(driver.run(room, PlainProvider));
    let message = message_of(bytes);
    move || {
        let _ = &homeserver;
        runtime.block_on(there_and_back(&handle, message.clone()));
    }
}

fn through_turn(bytes: usize) -> impl FnMut() {
    async fn there_and_back(handle: &TurnWidgetDriverHandle, message: String) {
        handle.send(message).await;
        handle.recv().await.unwrap();
    }

    let runtime = runtime();
    let homeserver = runtime.block_on(Homeserver::start());
    let turn = TurnService::builder(scripted().0).runtime(runtime.handle().clone()).build();
    let (driver, handle) = TurnServerCapability::new(turn).widget_driver(settings());
    let room = runtime.block_on(homeserver.room());
    runtime.spawn(driver.run(room, DenyTurnServers(PlainProvider)));
    let message = message_of(bytes);
    move || {
        let _ = &homeserver;
        runtime.block_on(there_and_back(&handle, message.clone()));
    }
}
