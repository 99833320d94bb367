//! The rules of matrix-sdk-turn, stated once, as checks of what happened.
//!
//! ARCHITECTURE.md lists the rules: S1 to S14 for the schedule, W1 to W21 for the widget machine. An
//! observer is told all events in order and returns an error that starts with the name of the broken
//! rule. The explorations, the simulator, the random sequences and the fuzz targets use the same observers.
//!
//! This crate knows nothing of matrix-sdk-turn's types, so the library's own unit tests can use it.

pub mod schedule;
pub mod widget;
