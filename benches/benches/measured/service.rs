//! Credentials from the service's memory.

use tests::source::{available, scripted};

use super::{Case, World};

pub(super) fn cases() -> impl Iterator<Item = Case> {
    [Case::new("get/held", 100_000, get)].into_iter()
}

fn get() -> impl FnMut(u64) {
    let world = World::start();
    let (source, script) = scripted();
    let turn = world.service(source).build();
    script.answer(available("alice"));
    move |times| {
        let turn = turn.clone();
        world.run_in_task(async move {
            for _ in 0..times {
                turn.get().await.unwrap();
            }
        });
    }
}
