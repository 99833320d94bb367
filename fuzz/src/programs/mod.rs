//! What the demo and the doctor take from outside. They are programs, which nobody can depend on, so the
//! files that read it are compiled here once more.

mod arguments;
mod inputs;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-demo/src/args.rs"]
mod demo_args;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-doctor/src/args.rs"]
mod doctor_args;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-doctor/src/saved.rs"]
mod doctor_saved;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-demo/src/page/from_page.rs"]
mod from_page;

#[allow(dead_code, reason = "the programs use all of it")]
#[path = "../../../crates/turn-demo/src/page/guard.rs"]
mod guard;

pub use self::{arguments::arguments, inputs::inputs};
