//! Data from a socket of ours straight to a relay, and back.
//!
//! Data between two relays of one server may never leave the server's machine, and so passes a firewall
//! that keeps other machines out.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    address::is_private,
    failure::{Failure, Leg},
    net::Connection,
    relaying::{Way, deliver, hear, payload, within},
    requests::{Lent, permit},
    session::From,
    step::Found,
};

/// How long the first datagram of a relay may take to us. It is short, since most networks drop it.
const OUTWARD: Duration = Duration::from_millis(800);

/// Sockets of ours, and the address that a relay sees them at.
pub(crate) struct Outsider {
    socket: Connection,
    /// One that has not sent anything.
    untried: Connection,
    ip: IpAddr,
    /// Whether there is no NAT between us and the relay, so that we can be reached unasked.
    is_reachable: bool,
}

impl Outsider {
    /// Opens sockets for a relay that is `lent` by the server at `server`. `None` if it is not known where
    /// the relay would see them.
    ///
    /// A machine with a public address is known to its peers by that, even if the server sees another one.
    pub(crate) async fn open(server: SocketAddr, lent: &Lent) -> Option<Self> {
        let local = lent.session.connection().local().ip();
        let mapped = lent.mapped.map(|mapped| mapped.ip());
        let ip = match is_private(local) {
            true => mapped?,
            false => local,
        };
        let socket = Connection::open_udp(server).await.ok()?;
        let untried = Connection::open_udp(server).await.ok()?;
        Some(Self { socket, untried, ip, is_reachable: mapped == Some(local) })
    }

    fn address_of(&self, socket: &Connection) -> SocketAddr {
        SocketAddr::new(self.ip, socket.local().port())
    }
}

/// Sends data to the relay, and back; then the relay sends to a socket that has not sent to it. In this
/// order: what a relay sends opens the way for what comes back, through a router that forwards nothing.
pub(crate) async fn reach_directly(
    lent: &mut Lent,
    outsider: &Outsider,
) -> Result<((), Found), Failure> {
    let socket = &outsider.socket;
    permit(&mut lent.session, outsider.address_of(socket)).await?;
    let (there, back) = (payload(), payload());
    let session = &mut lent.session;
    let way = Way::Past(socket, lent.relay);
    let seen_from = deliver(way, &there, hear(session, &there), Leg::There).await?;
    let way = Way::Relayed(session, seen_from);
    deliver(way, &back, hear_outside(socket, &back), Leg::Back).await?;

    let is_heard_first = !outsider.is_reachable || {
        let untried = &outsider.untried;
        let first = payload();
        let way = Way::Relayed(session, From::Peer(outsider.address_of(untried)));
        matches!(within(OUTWARD, way, &first, hear_outside(untried, &first)).await, Some(Ok(())))
    };
    Ok(((), if is_heard_first { Found::Works } else { Found::OnlyAnswers }))
}

async fn hear_outside(outsider: &Connection, data: &[u8]) -> Result<(), Failure> {
    loop {
        let (received, _from) = outsider.receive_from_any().await?;
        if received == data {
            return Ok(());
        }
    }
}
