//! The requests of STUN and TURN that the probe makes.

use std::net::SocketAddr;

use stun_proto::types::{message::BINDING, prelude::MessageWriteExt};
use turn_types::{
    attribute::{ChannelNumber, Lifetime, RequestedTransport, XorPeerAddress},
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH},
};

use crate::{
    failure::Failure,
    session::Session,
    step::{Found, Relayed},
};

/// The protocol number of UDP, which is what TURN relays.
const UDP: u8 = 17;

/// The channel of a session, which binds one only: the first that there is.
pub(crate) const CHANNEL: u16 = 0x4000;

/// A relay that was lent, and the conversation in which it was.
pub(crate) struct Lent {
    pub(crate) session: Session,
    pub(crate) relay: SocketAddr,
    /// The address that the server sees us at.
    pub(crate) mapped: Option<SocketAddr>,
}

/// Asks which address the server sees us at.
pub(crate) async fn bind(session: &mut Session) -> Result<SocketAddr, Failure> {
    session.request(BINDING, |_| Ok(())).await?.mapped()
}

/// Asks for a relay. No family is asked for, as browsers ask for none.
pub(crate) async fn allocate(
    mut session: Session,
    username: &str,
    password: &str,
) -> Result<(Lent, Found), Failure> {
    session.authenticate(username, password);
    let answer = session
        .request(ALLOCATE, |message| message.add_attribute(&RequestedTransport::new(UDP)))
        .await?;
    let relay = answer.relayed()?;
    let relayed = Relayed {
        mapped: answer.mapped().ok(),
        local: Some(session.connection().local().ip()),
        demands_credentials: session.is_signing(),
        ..Relayed::new(relay, answer.lifetime()?)
    };
    Ok((Lent { session, relay, mapped: relayed.mapped }, Found::Relayed(relayed)))
}

/// Permits each relay to hear the other.
pub(crate) async fn permit_each_other(
    first: &mut Lent,
    second: &mut Lent,
) -> Result<((), Found), Failure> {
    permit(&mut first.session, second.relay).await?;
    permit(&mut second.session, first.relay).await?;
    Ok(((), Found::Works))
}

/// Permits a relay to hear an address, on whatever port.
pub(crate) async fn permit(session: &mut Session, peer: SocketAddr) -> Result<(), Failure> {
    session
        .request(CREATE_PERMISSION, |message| {
            let peer = XorPeerAddress::new(peer, message.transaction_id());
            message.add_attribute(&peer)
        })
        .await
        .map(drop)
}

/// Binds the session's channel to a peer.
pub(crate) async fn bind_channel(
    lent: &mut Lent,
    peer: SocketAddr,
) -> Result<((), Found), Failure> {
    lent.session
        .request(CHANNEL_BIND, |message| {
            message.add_attribute(&ChannelNumber::new(CHANNEL))?;
            let peer = XorPeerAddress::new(peer, message.transaction_id());
            message.add_attribute(&peer)
        })
        .await?;
    Ok(((), Found::Works))
}

/// Gives a relay back.
pub(crate) async fn give_back(lent: &mut Lent) -> Result<((), Found), Failure> {
    lent.session.request(REFRESH, |message| message.add_attribute(&Lifetime::new(0))).await?;
    Ok(((), Found::Works))
}
