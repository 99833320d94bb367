//! How much memory a widget takes that watches, and how much of it is ours:
//! `cargo bench -p benches --bench heap`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]
#![allow(clippy::print_stdout, reason = "it is a report")]

use std::alloc::System;

use matrix_sdk::{
    Room,
    widget::{WidgetDriver, WidgetDriverHandle},
};
use matrix_sdk_turn::{TurnServerCapability, TurnService};
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tests::{
    homeserver::Homeserver,
    source::{available, scripted},
    widget::{PlainProvider, Provider, TURN, Widget, request, settings},
};
use tokio::runtime::Builder;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const WIDGETS: usize = 1_000;

/// What a widget that watches may take of ours, in bytes.
const MOST: usize = 2_048;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let homeserver = Homeserver::start().await;
        let room = homeserver.room().await;
        let (source, script) = scripted();
        script.answer(available("alice"));
        let turn = TurnService::builder(source).build();
        let capability = TurnServerCapability::new(turn.clone());
        // What is allocated only once is not to be counted.
        let first = (with_sdk(&room).await, watching(&capability, &room).await);

        let sdk = heap_of(async || with_sdk(&room).await).await;
        let turn = heap_of(async || watching(&capability, &room).await).await;
        println!("bytes of heap per widget, mean of {WIDGETS}:");
        println!("{sdk:>8}  matrix-sdk's driver and handle, negotiated");
        println!("{turn:>8}  with TURN, granted and watching");
        println!("{:>8}  of ours", turn - sdk);
        assert!(turn - sdk <= MOST, "more than {MOST} bytes");
        drop(first);
    });
}

/// What stays allocated, per widget.
async fn heap_of<T>(start: impl AsyncFn() -> T) -> usize {
    let mut kept = Vec::with_capacity(WIDGETS);
    let region = Region::new(ALLOCATOR);
    for _ in 0..WIDGETS {
        kept.push(start().await);
    }
    // Until what was freed by other tasks is.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated) / WIDGETS
}

async fn watching(capability: &TurnServerCapability, room: &Room) -> Widget {
    let mut widget = Widget::start(capability, room.clone(), Provider::Grant);
    widget.negotiate(&[TURN]).await;
    widget.expect_response("watch_turn_servers", json!({})).await;
    widget.expect_update("alice").await;
    widget
}

async fn with_sdk(room: &Room) -> WidgetDriverHandle {
    let (driver, handle) = WidgetDriver::new(settings());
    tokio::spawn(driver.run(room.clone(), PlainProvider));
    handle.send(request("1", "content_loaded").to_string()).await;
    handle.recv().await.unwrap();
    for response in [json!({ "capabilities": [] }), json!({})] {
        let request = handle.recv().await.unwrap();
        let mut request: Value = serde_json::from_str(&request).unwrap();
        request["response"] = response;
        handle.send(request.to_string()).await;
    }
    handle
}
