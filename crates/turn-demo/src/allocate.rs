//! A TURN client that asks for one relay and gives it back
//! ([RFC 8656](https://www.rfc-editor.org/rfc/rfc8656#section-7)).

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::{
    net::{UdpSocket, lookup_host},
    time::timeout,
};
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

use crate::{turn_uri::udp_host_and_port, widget::TurnServers};

/// Long enough for five retransmissions, short enough to sit through.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses that a TURN server lent us.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    pub(crate) took: Duration,
}

/// Why no TURN server lent us one.
#[derive(Debug, Error)]
pub(crate) enum AllocateError {
    #[error(
        "none of the URIs is a turn: URI for UDP, the only kind this program speaks: let the \
         homeserver hand out one"
    )]
    NoUdpUri,
    #[error(
        "the TURN server {server} cannot be reached ({why}): check that it runs, and that its UDP \
         port is open"
    )]
    Unreachable { server: String, why: String },
    #[error(
        "the TURN server {server} rejects the credentials ({why}): check that it and the \
         homeserver have the same shared secret, and that their clocks agree"
    )]
    Rejected { server: String, why: String },
    #[error("the TURN server {server} lends no relay ({why}): look into its log")]
    Refused { server: String, why: String },
}

/// Asks the TURN servers one after the other, until one of them answers.
pub(crate) async fn allocate(servers: &TurnServers) -> Result<Relay, AllocateError> {
    let mut outcome = Err(AllocateError::NoUdpUri);
    for (host, port) in servers.uris.iter().filter_map(|uri| udp_host_and_port(uri)) {
        outcome = allocate_at(host, port, servers).await;
        if !matches!(outcome, Err(AllocateError::Unreachable { .. })) {
            break;
        }
    }
    outcome
}

async fn allocate_at(host: &str, port: u16, servers: &TurnServers) -> Result<Relay, AllocateError> {
    let server = format!("{host}:{port}");
    let unreachable = |why: String| AllocateError::Unreachable { server: server.clone(), why };
    let started = Instant::now();

    let address = lookup_host((host, port))
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

async fn client(server: SocketAddr, servers: &TurnServers) -> anyhow::Result<Client> {
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
    let _ = relay.close().await;
    Ok(address)
}

/// The `turn` crate reports the TURN server's error code as a part of its message only.
fn refusal(server: String, error: &turn::Error) -> AllocateError {
    let why = error.to_string();
    // 401 (Unauthorized) is the answer of RFC 8656 to credentials that do not hold, 441 (Wrong
    // Credentials) to somebody else's, and 400 (Bad Request) what webrtc-rs answers to either.
    let is_rejection = ["error 400", "error 401", "error 441"].iter().any(|e| why.contains(e));
    if is_rejection {
        AllocateError::Rejected { server, why }
    } else {
        AllocateError::Refused { server, why }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::{shared_secret::SharedSecret, turn_server::EmbeddedTurnServer};

    async fn allocate_with(
        change: impl FnOnce(&SharedSecret, &mut TurnServers),
    ) -> Result<Relay, AllocateError> {
        let secret = SharedSecret::random();
        let turn_server = EmbeddedTurnServer::start(secret.clone()).await.unwrap();
        let (username, password) =
            secret.issue("@alice:localhost", Duration::from_secs(30), SystemTime::now());
        let mut servers = TurnServers { uris: turn_server.uris(), username, password };
        change(&secret, &mut servers);

        let outcome = allocate(&servers).await;
        turn_server.stop().await;
        outcome
    }

    #[tokio::test]
    async fn good_credentials_get_a_relay() {
        let relay = allocate_with(|_, _| {}).await.unwrap();
        assert_eq!(relay.address.ip(), Ipv4Addr::LOCALHOST);
        assert_ne!(relay.address.port(), 0);
    }

    #[tokio::test]
    async fn a_wrong_password_is_rejected() {
        let outcome = allocate_with(|_, servers| servers.password.push('x')).await;
        assert!(matches!(outcome, Err(AllocateError::Rejected { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn expired_credentials_are_rejected() {
        let outcome = allocate_with(|secret, servers| {
            (servers.username, servers.password) =
                secret.issue("@alice:localhost", Duration::ZERO, SystemTime::now());
        })
        .await;
        assert!(matches!(outcome, Err(AllocateError::Rejected { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn credentials_made_with_another_secret_are_rejected() {
        let outcome = allocate_with(|_, servers| {
            (servers.username, servers.password) = SharedSecret::random().issue(
                "@alice:localhost",
                Duration::from_secs(30),
                SystemTime::now(),
            );
        })
        .await;
        assert!(matches!(outcome, Err(AllocateError::Rejected { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_turn_server_that_is_not_there_is_unreachable() {
        let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let uri = format!("turn:{}", nobody.local_addr().unwrap());
        let outcome = allocate_with(|_, servers| servers.uris = vec![uri]).await;
        assert!(matches!(outcome, Err(AllocateError::Unreachable { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn without_a_udp_uri_nothing_is_asked() {
        let outcome = allocate_with(|_, servers| {
            servers.uris.retain(|uri| uri.ends_with("tcp"));
        })
        .await;
        assert!(matches!(outcome, Err(AllocateError::NoUdpUri)), "{outcome:?}");
    }
}
