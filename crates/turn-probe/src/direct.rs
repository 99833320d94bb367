//! Data from a socket of ours straight to a relay, and back.
//!
//! Data between two relays of one server may never leave the server's machine, and so passes a firewall
//! that keeps other machines out.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{
    failure::{Failure, Leg},
    net::Connection,
    relaying::{Way, deliver, hear, payload, within},
    requests::{Lent, permit},
    session::From,
    step::Found,
};

/// How long the first datagram of a relay may take to us. It is short, since most networks drop it.
const OUTWARD: Duration = Duration::from_millis(800);

/// A socket of ours, and the address that the relay sees it at.
pub(crate) struct Outsider {
    socket: Connection,
    ip: IpAddr,
    /// Whether there is no NAT between it and the relay, so that it can be reached unasked.
    is_reachable: bool,
}

impl Outsider {
    /// Opens a socket for a relay that is `lent` by the server at `server`. `None` if it is not known where
    /// the relay would see it.
    ///
    /// A machine with a public address is known to its peers by that, even if the server sees another one.
    pub(crate) async fn open(server: SocketAddr, lent: &Lent) -> Option<Self> {
        let local = lent.session.connection().local().ip();
        let mapped = lent.mapped.map(|mapped| mapped.ip());
        let ip = match crate::address::is_private(local) {
            true => mapped?,
            false => local,
        };
        let socket = Connection::open_udp(server).await.ok()?;
        Some(Self { socket, ip, is_reachable: mapped == Some(local) })
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.socket.local().port())
    }
}

/// Sends data to the relay, and back. First, the relay sends unasked: a firewall that keeps track of
/// connections lets out what answers one from outside.
pub(crate) async fn reach_directly(
    lent: &mut Lent,
    outsider: &Outsider,
) -> Result<((), Found), Failure> {
    let address = outsider.address();
    permit(&mut lent.session, address).await?;
    let socket = &outsider.socket;
    let session = &mut lent.session;

    let first = payload();
    let way = Way::Relayed(session, From::Peer(address));
    let is_first_heard = match outsider.is_reachable {
        true => within(OUTWARD, way, &first, hear_outside(socket, &first)).await.is_some(),
        false => true,
    };

    let (there, back) = (payload(), payload());
    let way = Way::Past(socket, lent.relay);
    let seen_from = deliver(way, &there, hear(session, &there), Leg::There).await?;
    let way = Way::Relayed(session, seen_from);
    deliver(way, &back, hear_outside(socket, &back), Leg::Back).await?;
    Ok(((), if is_first_heard { Found::Works } else { Found::OnlyAnswers }))
}

async fn hear_outside(outsider: &Connection, data: &[u8]) -> Result<(), Failure> {
    loop {
        let (received, _from) = outsider.receive_from_any().await?;
        if received == data {
            return Ok(());
        }
    }
}
