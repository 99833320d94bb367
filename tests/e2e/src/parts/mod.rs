//! The real parts: each file starts one, and stops it.

mod browser;
mod coturn;
mod driver;
mod network;
mod port;
mod process;
mod stack;
mod synapse;
mod turn_server;
mod webrtcbin;

pub(crate) use self::{
    browser::{Browser, Page},
    coturn::{Coturn, RELAYS, TLS_PORT},
    network::{Network, PEER_IPV4, TURN_IPV4, TURN_IPV6, TURN_NAME},
    process::Process,
    stack::{Stack, ensure_all_candidates_are_relays},
    synapse::{Synapse, Turn},
    turn_server::TurnServerCrate,
    webrtcbin::{Gathered, Webrtcbin},
};
