//! The way to a server: sockets, TLS, and where a message ends.

mod connection;
mod framing;
mod resolve;
mod tls;

pub(crate) use self::{
    connection::Connection,
    framing::Incoming,
    resolve::resolve,
    tls::{TlsSetup, secure},
};
