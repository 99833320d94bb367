//! Data through relays, there and back.

use std::{future::Future, net::SocketAddr, time::Duration};

use stun_proto::types::message::TransactionId;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{
    failure::{Failure, Leg},
    net::Connection,
    requests::{CHANNEL, Lent},
    session::{From, Session},
    step::Found,
};

/// How often data is sent until it arrives: UDP may lose it.
const RESEND_EVERY: Duration = Duration::from_millis(200);

/// How long data may take one way. A way that is slower than this carries no conversation.
const ONE_WAY: Duration = Duration::from_secs(2);

/// Data that is unlike any other. Its length is a multiple of four, since `turn-types` does not expect the
/// bytes that TURN pads channel data with in a stream.
pub(crate) fn payload() -> Vec<u8> {
    format!("turn-probe{:032x}..", u128::from(TransactionId::generate())).into_bytes()
}

/// Sends data from the first relay to the second on a channel, and back by the peer's address: both ways
/// in which TURN carries data.
pub(crate) async fn carry_both_ways(
    first: &mut Lent,
    second: &mut Lent,
) -> Result<((), Found), Failure> {
    let (there, back) = (payload(), payload());
    let (near, far) = (&mut first.session, &mut second.session);
    let from = carry((near, From::Channel(CHANNEL)), far, &there, Leg::There).await?;
    carry((far, from), near, &back, Leg::Back).await?;
    Ok(((), Found::Works))
}

/// Sends until it has arrived, and says where it came in.
async fn carry(
    (from, to): (&mut Session, From),
    at: &mut Session,
    data: &[u8],
    leg: Leg,
) -> Result<From, Failure> {
    deliver(Way::Relayed(from, to), data, hear(at, data), leg).await
}

/// Waits for certain data, and says where it came in.
pub(crate) async fn hear(session: &mut Session, data: &[u8]) -> Result<From, Failure> {
    loop {
        let received = session.receive_data().await?;
        if received.data == data {
            return Ok(received.from);
        }
    }
}

/// How data is sent.
pub(crate) enum Way<'a> {
    /// Through the relay of this session.
    Relayed(&'a mut Session, From),
    /// From a socket of ours, past the server, to this address.
    Past(&'a Connection, SocketAddr),
}

impl Way<'_> {
    async fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Relayed(session, to) => session.send_data(*to, data).await,
            Self::Past(socket, to) => socket.send_past(*to, data).await,
        }
    }
}

/// Sends again and again until it is heard.
pub(crate) async fn deliver<T>(
    way: Way<'_>,
    data: &[u8],
    hear: impl Future<Output = Result<T, Failure>>,
    leg: Leg,
) -> Result<T, Failure> {
    within(ONE_WAY, way, data, hear).await.unwrap_or(Err(Failure::Lost(leg)))
}

/// Sends again and again until it is heard; `None` if it is not heard in time.
pub(crate) async fn within<T>(
    limit: Duration,
    mut way: Way<'_>,
    data: &[u8],
    hear: impl Future<Output = Result<T, Failure>>,
) -> Option<Result<T, Failure>> {
    let mut ticks = interval(RESEND_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sending = async {
        loop {
            ticks.tick().await;
            if let Err(failure) = way.send(data).await {
                return failure;
            }
        }
    };
    let delivered = async {
        tokio::select! {
            heard = hear => heard,
            failure = sending => Err(failure),
        }
    };
    timeout(limit, delivered).await.ok()
}
