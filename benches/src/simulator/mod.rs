//! Days of virtual time in a fraction of a second: the real schedule against a scripted homeserver.
//!
//! A [`Script`] says what happens: what the homeserver answers and how fast, who subscribes when,
//! when the machine sleeps, and who sets its clock. [`run()`] plays it to a [`Client`] and tells an
//! [`Observer`] everything: the [`Referee`] checks each step against the rules of turn-rules, the
//! [`Meter`] adds up seconds and requests, and [`Log`] prints.
//!
//! The same script gives the same run, always.

mod client;
mod clock;
mod generate;
mod homeserver;
mod log;
mod meter;
mod referee;
mod run;
mod script;
pub mod soak;
mod staleness;
mod store;

pub use self::{
    client::{Client, Ours},
    clock::{VirtualClock, WallShift},
    generate::from_seed,
    homeserver::{Homeserver, Phase, Reply, ReplyKind},
    log::Log,
    meter::Meter,
    referee::Referee,
    run::{Moment, Note, Observer, REQUEST_TIMEOUT, Violation, run},
    script::{Event, Outage, Script},
    store::Persistence,
};
