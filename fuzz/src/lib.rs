//! What `cargo xtask fuzz` tries with whatever libFuzzer comes up with, and `cargo test` with each
//! file in `corpus` and `regressions`. A function takes one input, and panics if what it calls does
//! not keep what it promises.

mod errors;
mod fields;
mod heap;
mod homeserver;
mod ice;
mod programs;
mod secret;
mod store;
mod widget;

pub use self::{
    errors::errors,
    homeserver::homeserver,
    ice::ice,
    programs::{arguments, inputs},
    store::store,
    widget::widget,
};

/// A function for one input.
pub type Target = fn(&[u8]);

/// All of them, with the names of their directories.
pub const TARGETS: [(&str, Target); 7] = [
    ("arguments", arguments),
    ("errors", errors),
    ("homeserver", homeserver),
    ("ice", ice),
    ("inputs", inputs),
    ("store", store),
    ("widget", widget),
];
