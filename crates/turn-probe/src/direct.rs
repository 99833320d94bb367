//! Data from a socket of ours straight to a relay, and back.
//!
//! Data between two relays of one server may never leave the server's machine, and so passes a firewall
//! that keeps everybody else out.

use crate::{
    failure::{Failure, Leg},
    net::Connection,
    relaying::{Way, deliver, hear, payload},
    requests::Lent,
    step::Found,
};

/// Sends data to the relay, and back. The first datagram comes from outside: a firewall that keeps track
/// of connections lets in what answers one from inside.
pub(crate) async fn reach_directly(
    lent: &mut Lent,
    outsider: Connection,
) -> Result<((), Found), Failure> {
    let (there, back) = (payload(), payload());
    let relay = lent.relay;
    let session = &mut lent.session;
    let way = Way::Past(&outsider, relay);
    let seen_from = deliver(way, &there, hear(session, &there), Leg::There).await?;
    let way = Way::Relayed(session, seen_from);
    deliver(way, &back, hear_outside(&outsider, &back), Leg::Back).await?;
    Ok(((), Found::Works))
}

async fn hear_outside(outsider: &Connection, data: &[u8]) -> Result<(), Failure> {
    loop {
        let (received, _from) = outsider.receive_from_anybody().await?;
        if received == data {
            return Ok(());
        }
    }
}
