//! A TURN client that tries credentials: it asks for one relay, and gives it back
//! ([RFC 8656, section 7](https://www.rfc-editor.org/rfc/rfc8656#section-7)).

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use matrix_sdk_turn::{IceTransport, IceUri};
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    net::{UdpSocket, lookup_host},
    time::timeout,
};
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

/// How long a TURN server may take to lend a relay. In that time, the `turn` crate repeats its request
/// five times.
const TIMEOUT: Duration = Duration::from_secs(5);

/// TURN servers and the credentials to use them, with the names that MSC3846 gives them in
/// `update_turn_servers`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_debug_implementations, reason = "it holds a password")]
pub struct TurnServers {
    /// Where the TURN servers are: URIs of RFC 7065.
    pub uris: Vec<String>,
    /// The username to authenticate with.
    pub username: String,
    /// The password to authenticate with.
    pub password: String,
}

/// A relay that a TURN server lent us.
#[derive(Debug)]
pub struct Relay {
    /// The address at which the TURN server would have relayed.
    pub address: SocketAddr,
    /// How long it took to get, including the lookup of the TURN server's name.
    pub took: Duration,
}

/// Why no TURN server lent us a relay.
#[derive(Debug, Error)]
pub enum AllocateError {
    /// There is no TURN server that can be asked.
    #[error(
        "none of the URIs is a turn: URI for UDP, the only kind this program speaks: let the \
         homeserver hand out one"
    )]
    NoUdpUri,
    /// The TURN server has no address, or does not answer.
    #[error(
        "the TURN server {server} cannot be reached ({why}): check that it runs, and that its UDP \
         port is open"
    )]
    Unreachable {
        /// Host and port.
        server: String,
        /// What went wrong.
        why: String,
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
        why: String,
    },
    /// The TURN server answers with any other error.
    #[error("the TURN server {server} lends no relay ({why}): look at its log")]
    Refused {
        /// Host and port.
        server: String,
        /// The TURN server's error.
        why: String,
    },
}

/// Asks for a relay over UDP, and gives it back. The TURN servers are asked one after the other, until
/// one of them answers.
///
/// # Errors
///
/// What the last TURN server that was asked said, or why none could be asked.
pub async fn allocate(servers: &TurnServers) -> Result<Relay, AllocateError> {
    let mut outcome = Err(AllocateError::NoUdpUri);
    for uri in servers.uris.iter().filter_map(|uri| uri.parse().ok()).filter(is_for_udp) {
        outcome = allocate_at(&uri, servers).await;
        if !matches!(outcome, Err(AllocateError::Unreachable { .. })) {
            break;
        }
    }
    outcome
}

/// Whether it is for TURN over UDP, without DTLS.
fn is_for_udp(uri: &IceUri) -> bool {
    uri.is_turn() && uri.transport() == IceTransport::Udp && !uri.is_tls()
}

async fn allocate_at(uri: &IceUri, servers: &TurnServers) -> Result<Relay, AllocateError> {
    let server = format!("{}:{}", uri.host(), uri.port());
    let unreachable = |why: String| AllocateError::Unreachable { server: server.clone(), why };
    let started = Instant::now();

    let address = lookup_host(&server)
        .await
        .map_err(|error| unreachable(error.to_string()))?
        .next()
        .ok_or_else(|| unreachable("it has no address".to_owned()))?;
    let client = client(address, servers).await.map_err(|error| unreachable(error.to_string()))?;
    let outcome = timeout(TIMEOUT, request_and_release(&client)).await;
    // Without this, the client goes on reading from its socket.
    let _ = client.close().await;

    match outcome {
        Ok(Ok(address)) => Ok(Relay { address, took: started.elapsed() }),
        Ok(Err(error)) => Err(refusal(server, &error)),
        Err(_elapsed) => Err(unreachable(format!("no answer within {TIMEOUT:?}"))),
    }
}

async fn client(server: SocketAddr, servers: &TurnServers) -> Result<Client, turn::Error> {
    let any_port: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let client = Client::new(ClientConfig {
        stun_serv_addr: String::new(),
        turn_serv_addr: server.to_string(),
        username: servers.username.clone(),
        password: servers.password.clone(),
        realm: String::new(),
        software: String::new(),
        rto_in_ms: 0,
        conn: Arc::new(UdpSocket::bind(any_port).await?),
        vnet: None,
    })
    .await?;
    client.listen().await?;
    Ok(client)
}

async fn request_and_release(client: &Client) -> Result<SocketAddr, turn::Error> {
    let relay = client.allocate().await?;
    let address = relay.local_addr()?;
    // Whether the TURN server hears of it does not matter here: the relay ends with its lifetime.
    let _ = relay.close().await;
    Ok(address)
}

/// The `turn` crate reports the TURN server's error code as a part of its message only.
fn refusal(server: String, error: &turn::Error) -> AllocateError {
    let why = error.to_string();
    // RFC 8656 answers wrong credentials with 401 (Unauthorized), and credentials other than those
    // the relay was asked for with 441 (Wrong Credentials). webrtc-rs answers both with 400.
    let is_rejection = ["error 400", "error 401", "error 441"].iter().any(|e| why.contains(e));
    if is_rejection {
        AllocateError::Rejected { server, why }
    } else {
        AllocateError::Refused { server, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn allocate_at_uri(uri: String) -> Result<Relay, AllocateError> {
        let (username, password) = ("alice".to_owned(), "secret".to_owned());
        allocate(&TurnServers { uris: vec![uri], username, password }).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_server_that_is_not_there_is_unreachable() {
        let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let outcome = allocate_at_uri(format!("turn:{}", nobody.local_addr().unwrap())).await;
        assert!(matches!(outcome, Err(AllocateError::Unreachable { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn without_a_udp_uri_nothing_is_asked() {
        let outcome = allocate_at_uri("turn:127.0.0.1?transport=tcp".to_owned()).await;
        assert!(matches!(outcome, Err(AllocateError::NoUdpUri)), "{outcome:?}");
    }
}
