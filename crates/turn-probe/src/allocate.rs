//! One relay, and no more: for whoever only wants to know whether there is one.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use matrix_sdk_turn::{IceTransport, IceUri, TurnServer};
use thiserror::Error;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    attempt::Attempt,
    failure::Failure,
    log::Log,
    net::{TlsSetup, resolve},
    options::ProbeOptions,
    probe::MAX_ADDRESSES,
    race::race,
    requests::give_back,
};

/// A relay that a TURN server lent, and was given back.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Relay {
    /// The address at which the TURN server would have relayed.
    pub address: SocketAddr,
    /// How long it took to get, including the lookup of the TURN server's name.
    pub took: Duration,
}

/// Why no TURN server lent a relay.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AllocateError {
    /// There is no TURN server that can be asked.
    #[error("there is no turn: URI, and no turns: URI for TCP: let the homeserver hand out one")]
    NoTurnUri,
    /// The TURN server has no address, or does not answer.
    #[error(
        "the TURN server {server} cannot be reached ({why}): check that it runs, and that its port \
         is open"
    )]
    Unreachable {
        /// Host and port.
        server: String,
        /// What went wrong.
        why: Failure,
    },
    /// The TURN server does not accept the username and the password.
    #[error(
        "the TURN server {server} rejects the credentials ({why}): check that it and the \
         homeserver have the same shared secret, and that their clocks agree"
    )]
    Rejected {
        /// Host and port.
        server: String,
        /// The TURN server's error.
        why: Failure,
    },
    /// The TURN server answers with any other error.
    #[error("the TURN server {server} lends no relay ({why}): look at its log")]
    Refused {
        /// Host and port.
        server: String,
        /// The TURN server's error.
        why: Failure,
    },
}

/// Asks for a relay, and gives it back. The URIs are tried one after the other, until the server of one
/// answers, and the addresses of each side by side, as RFC 8305 has it. [`probe`](crate::probe()) finds out more.
///
/// # Errors
///
/// What the last TURN server that was asked said, or why none could be asked.
///
/// # Cancel safety
///
/// When it is dropped, a relay that was just lent ends with its lifetime.
///
/// # Panics
///
/// Outside of a tokio runtime with I/O and time.
pub async fn allocate(server: &TurnServer) -> Result<Relay, AllocateError> {
    let mut outcome = Err(AllocateError::NoTurnUri);
    for uri in server.ice_uris().filter(can_be_tried) {
        outcome = allocate_at(&uri, server).await;
        if !matches!(outcome, Err(AllocateError::Unreachable { .. })) {
            break;
        }
    }
    outcome
}

fn can_be_tried(uri: &IceUri) -> bool {
    uri.is_turn() && !(uri.is_tls() && uri.transport() == IceTransport::Udp)
}

async fn allocate_at(uri: &IceUri, server: &TurnServer) -> Result<Relay, AllocateError> {
    let started = Instant::now();
    let limit = ProbeOptions::new().step_timeout;
    let lent = timeout(limit, lend_and_give_back(uri, server, limit)).await;
    let name = format!("{}:{}", uri.host(), uri.port());
    match lent.unwrap_or(Err(Failure::Timeout(limit))) {
        Ok(address) => Ok(Relay { address, took: started.elapsed() }),
        Err(why) if why.is_rejection() => Err(AllocateError::Rejected { server: name, why }),
        Err(why @ (Failure::Refusal { .. } | Failure::Redirected(_) | Failure::BadSignature)) => {
            Err(AllocateError::Refused { server: name, why })
        }
        Err(why) => Err(AllocateError::Unreachable { server: name, why }),
    }
}

async fn lend_and_give_back(
    uri: &IceUri,
    server: &TurnServer,
    limit: Duration,
) -> Result<SocketAddr, Failure> {
    let tls = uri.is_tls().then(|| TlsSetup::new(&[]));
    let mut addresses = resolve(uri).await?;
    addresses.truncate(MAX_ADDRESSES);
    let turns = Semaphore::new(1);
    let (tls, turns) = (tls.as_ref(), &turns);
    let lent = race(addresses, |address| async move {
        let log = Log::silent(uri.clone(), limit);
        let identifies_private = false;
        Attempt { log, address, server, tls, turns, identifies_private }.allocate_another().await
    });
    let (mut lent, _) = lent.await.unwrap_or(Err(Failure::Timeout(limit)))?;
    // Whether the server hears of it does not matter here.
    let _ = give_back(&mut lent).await;
    Ok(lent.relay)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn allocate_at_uri(uri: &str) -> Result<Relay, AllocateError> {
        allocate(&TurnServer::new(vec![uri.to_owned()], "alice", "secret")).await
    }

    #[tokio::test]
    async fn a_turn_server_that_is_not_there_is_unreachable() {
        let nobody = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = nobody.local_addr().unwrap();
        drop(nobody);
        let outcome = allocate_at_uri(&format!("turn:{address}")).await;
        assert!(matches!(outcome, Err(AllocateError::Unreachable { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn without_a_turn_uri_nothing_is_asked() {
        for uri in ["stun:127.0.0.1", "turns:127.0.0.1?transport=udp"] {
            let outcome = allocate_at_uri(uri).await;
            assert!(matches!(outcome, Err(AllocateError::NoTurnUri)), "{outcome:?}");
        }
    }
}
