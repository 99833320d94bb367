//! The way to a server: sockets, TLS, where a message ends, and what the network reports.

mod connection;
mod framing;
mod resolve;
mod tls;
mod unreachable;

pub(crate) use self::{
    connection::Connection,
    framing::Incoming,
    resolve::resolve,
    tls::{TlsSetup, secure},
    unreachable::{is_next_router, local_ip, why_unreachable},
};
