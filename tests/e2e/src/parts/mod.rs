//! The real parts: each file starts one, and stops it.

mod browser;
mod coturn;
mod port;
mod process;
mod synapse;

pub(crate) use self::{
    browser::{Browser, Page},
    coturn::Coturn,
    process::Process,
    synapse::{Synapse, Turn},
};
