//! What the demo and the doctor take from outside. The demo is a program without a library, so its files
//! that read input are compiled here once more.

mod arguments;
mod inputs;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-demo/src/args.rs"]
mod demo_args;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-demo/src/page/from_page.rs"]
mod from_page;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-demo/src/page/guard.rs"]
mod guard;

pub use self::{arguments::arguments, inputs::inputs};
