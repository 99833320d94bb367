//! Simulations of matrix-sdk-turn in virtual time, and what its programs print.
//!
//! - [`simulator`]: the real schedule against a scripted homeserver, and a referee who knows the
//!   rules;
//! - [`peers`]: the refresh policies of three other clients, restated;
//! - [`freshness`]: how long a client is without valid credentials, and what that costs;
//! - [`fleet`]: a million clients that started in the same second;
//! - [`phones`]: a million phones whose app is started many times a day.
//!
//! The programs in `bin/` print what these measure; `docs/freshness.md` keeps what they printed.

pub mod fleet;
pub mod freshness;
pub mod histogram;
pub mod load;
pub mod output;
pub mod peers;
pub mod phones;
pub mod plot;
pub mod progress;
pub mod simulator;
pub mod table;
pub mod words;
