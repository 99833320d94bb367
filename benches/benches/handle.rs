//! What TURN costs a hosted widget: `cargo bench -p benches --bench handle`.
//!
//! `passthrough` compares, in one run, the SDK's own driver and handle with ours, for a request that
//! does not concern TURN and its response. `watch` is a whole MSC3846 exchange with credentials that
//! are held: watch, `{}`, update, acknowledgement, unwatch, `{}`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use matrix_sdk::widget::{WidgetDriver, WidgetDriverHandle};
use matrix_sdk_turn::{DenyTurnServers, TurnServerCapability, TurnService, TurnWidgetDriverHandle};
use serde_json::{Value, json};
use tests::{
    homeserver::Homeserver,
    source::{available, scripted},
    widget::{PlainProvider, Provider, TURN, WIDGET_ID, Widget, settings},
};
use tokio::runtime::{Builder, Runtime};

fn request(action: &str, data: Value) -> String {
    json!({
        "api": "fromWidget",
        "widgetId": WIDGET_ID,
        "requestId": "1",
        "action": action,
        "data": data,
    })
    .to_string()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn passthrough(criterion: &mut Criterion) {
    async fn with_sdk(handle: &WidgetDriverHandle, message: &str) -> String {
        handle.send(message.to_owned()).await;
        handle.recv().await.unwrap()
    }

    async fn with_turn(handle: &TurnWidgetDriverHandle, message: &str) -> String {
        handle.send(message.to_owned()).await;
        handle.recv().await.unwrap()
    }

    let runtime = runtime();
    let (_homeserver, room) = runtime.block_on(async {
        let homeserver = Homeserver::start().await;
        let room = homeserver.room().await;
        (homeserver, room)
    });
    let turn = TurnService::builder(scripted().0).runtime(runtime.handle().clone()).build();
    let (sdk_driver, sdk) = WidgetDriver::new(settings());
    let (turn_driver, with) = TurnServerCapability::new(turn).widget_driver(settings());
    runtime.spawn(sdk_driver.run(room.clone(), PlainProvider));
    runtime.spawn(turn_driver.run(room, DenyTurnServers(PlainProvider)));

    for bytes in [0, 1_000, 100_000] {
        let message = request("org.example.unknown", json!({ "text": "x".repeat(bytes) }));
        let mut group = criterion.benchmark_group(format!("passthrough/{bytes} bytes"));
        group.bench_function("sdk", |bencher| {
            bencher.iter(|| runtime.block_on(with_sdk(&sdk, &message)));
        });
        group.bench_function("turn", |bencher| {
            bencher.iter(|| runtime.block_on(with_turn(&with, &message)));
        });
        group.finish();
    }
}

fn watch(criterion: &mut Criterion) {
    let runtime = runtime();
    let (_homeserver, handle, _script) = runtime.block_on(async {
        let homeserver = Homeserver::start().await;
        let room = homeserver.room().await;
        let (source, script) = scripted();
        script.answer(available("alice"));
        let turn = TurnService::builder(source).build();
        let capability = TurnServerCapability::new(turn.clone());
        let mut widget = Widget::start(&capability, room, Provider::Grant);
        widget.negotiate(&[TURN]).await;
        // The credentials are held from here on.
        turn.get().await.unwrap();
        (homeserver, widget.handle.clone(), script)
    });

    let watch = request("watch_turn_servers", json!({}));
    let unwatch = request("unwatch_turn_servers", json!({}));
    criterion.bench_function("watch", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                handle.send(watch.clone()).await;
                handle.recv().await.unwrap();
                let mut acknowledgement = handle.recv().await.unwrap();
                acknowledgement.pop();
                acknowledgement.push_str(",\"response\":{}}");
                handle.send(acknowledgement).await;
                handle.send(unwatch.clone()).await;
                handle.recv().await.unwrap()
            })
        });
    });
}

criterion_group!(benches, passthrough, watch);
criterion_main!(benches);
