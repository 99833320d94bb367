//! Credentials from the service's memory.

use matrix_sdk_turn::TurnService;
use tests::source::{available, scripted};

use super::{Case, runtime};

pub(super) fn cases() -> impl Iterator<Item = Case> {
    [Case::new("get/held", 1_000, get)].into_iter()
}

fn get() -> impl FnMut() {
    let runtime = runtime();
    let (source, script) = scripted();
    let turn = TurnService::builder(source).runtime(runtime.handle().clone()).build();
    script.answer(available("alice"));
    move || {
        runtime.block_on(turn.get()).unwrap();
    }
}
