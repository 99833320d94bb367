//! The real parts: each file starts one, and stops it.

mod any_coturn;
mod browser;
mod coturn;
mod doctor;
mod driver;
mod network;
mod port;
mod process;
mod stack;
mod synapse;
mod turn_server;
mod webrtcbin;

pub(crate) use self::{
    any_coturn::AnyCoturn,
    browser::{Browser, Page},
    coturn::{Coturn, RELAYS, TLS_PORT},
    doctor::Visit,
    network::{Network, PEER_IPV4, TURN_IPV4, TURN_IPV6, TURN_NAME},
    port::free as free_port,
    process::Process,
    stack::{Stack, ensure_all_candidates_are_relays},
    synapse::{Synapse, Turn},
    turn_server::TurnServerCrate,
    webrtcbin::{Gathered, Webrtcbin},
};
