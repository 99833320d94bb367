//! A TURN client of our own: tries credentials by asking for a relay
//! ([RFC 8656](https://www.rfc-editor.org/rfc/rfc8656#section-7)).

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::Context;
use serde::Deserialize;
use thiserror::Error;
use tokio::{net::UdpSocket, time::timeout};
use turn::client::{Client, ClientConfig};
use webrtc_util::Conn;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What a widget holds, in the field's words. Not `Debug`: it holds a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct TurnServers {
    pub(crate) uris: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Why there is no relay.
#[derive(Debug, Error)]
pub(crate) enum AllocateError {
    /// Error 401 of the TURN server's.
    #[error("the TURN server does not accept the credentials (401)")]
    Unauthorized,
    /// Anything else.
    #[error("the TURN server lends no relay: {0:#}")]
    Failed(anyhow::Error),
}

/// Asks for a relay over UDP, and gives it back.
pub(crate) async fn allocate(servers: &TurnServers) -> Result<(), AllocateError> {
    let client = client(servers).await.map_err(AllocateError::Failed)?;
    let outcome = timeout(TIMEOUT, async {
        let relay = client.allocate().await?;
        // Whether the TURN server hears of it does not matter here.
        let _ = relay.close().await;
        Ok(())
    })
    .await;
    // Without this, the client goes on reading from its socket.
    let _ = client.close().await;

    outcome
        .with_context(|| format!("no answer within {TIMEOUT:?}"))
        .map_err(AllocateError::Failed)?
        .map_err(|error: turn::Error| match error.to_string() {
            // The `turn` crate tells of the code in the message only.
            message if message.contains("error 401") => AllocateError::Unauthorized,
            message => AllocateError::Failed(anyhow::Error::msg(message)),
        })
}

async fn client(servers: &TurnServers) -> anyhow::Result<Client> {
    let TurnServers { uris, username, password } = servers;
    let server = uris
        .iter()
        .find_map(|uri| uri.strip_prefix("turn:")?.strip_suffix("?transport=udp"))
        .context("there is no URI for TURN over UDP")?;
    let client = Client::new(ClientConfig {
        stun_serv_addr: String::new(),
        turn_serv_addr: server.to_owned(),
        username: username.clone(),
        password: password.clone(),
        realm: String::new(),
        software: String::new(),
        rto_in_ms: 0,
        conn: Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?),
        vnet: None,
    })
    .await?;
    client.listen().await?;
    Ok(client)
}
