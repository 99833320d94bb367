//! The whole of MSC3846 with credentials that are held: watch, `{}`, update, acknowledgement, unwatch,
//! `{}`.

use matrix_sdk_turn::{TurnServerCapability, TurnWidgetDriverHandle};
use serde_json::json;
use tests::{
    source::{available, scripted},
    widget::{Provider, TURN, Widget},
};

use super::{Case, World, acknowledge, request};

pub(super) fn cases() -> impl Iterator<Item = Case> {
    [Case::new("cycle", 5_000, watch_and_unwatch)].into_iter()
}

fn watch_and_unwatch() -> impl FnMut(u64) {
    let world = World::start();
    let (source, script) = scripted();
    script.answer(available("alice"));
    let turn = world.service(source).build();
    let handle = world.run(async {
        let capability = TurnServerCapability::new(turn.clone());
        let mut widget = Widget::start(&capability, world.room.clone(), Provider::Grant);
        widget.negotiate(&[TURN]).await;
        // The credentials are held from here on.
        turn.get().await.unwrap();
        widget.handle
    });
    move |times| world.run_in_task(cycles(handle.clone(), times))
}

async fn cycles(handle: TurnWidgetDriverHandle, times: u64) {
    let watch = request("watch_turn_servers", &json!({}));
    let unwatch = request("unwatch_turn_servers", &json!({}));
    for _ in 0..times {
        handle.send(watch.clone()).await;
        handle.recv().await.unwrap();
        acknowledge(&handle).await;
        handle.send(unwatch.clone()).await;
        handle.recv().await.unwrap();
    }
}
