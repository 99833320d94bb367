//! A TURN client that knows nothing of URIs, as a client on str0m brings one.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use matrix_sdk_turn::{IceTransport, TurnEndpoint, TurnServer};
use tokio::{net::UdpSocket, time::timeout};
use turn::client::{Client, ClientConfig};

use crate::{parts::RELAYS, stage::Stage};

/// The client repeats its request for some seconds.
const ALLOCATE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) async fn a_turn_client_gets_a_relay_with_each_part_of_an_endpoint(
    stage: &mut Stage,
) -> Result<()> {
    let server = stage.alice.turn_servers().await?;
    let endpoints: Vec<_> = server.turn_endpoints().collect();
    let tried = endpoints.iter().filter(|endpoint| endpoint.transport == IceTransport::Udp);
    let mut relays = 0;
    for endpoint in tried {
        ensure_relay(endpoint).await.with_context(|| format!("{endpoint:?}"))?;
        relays += 1;
    }
    ensure!(relays > 0, "there is no endpoint for UDP, which is all that this client speaks");

    let wrong = TurnServer::new(server.uris().to_vec(), server.username(), "wrong");
    let wrong = wrong.turn_endpoints().next().context("there is an endpoint")?;
    ensure!(ensure_relay(&wrong).await.is_err(), "coturn lends a relay for a wrong password");
    Ok(())
}

async fn ensure_relay(endpoint: &TurnEndpoint<'_>) -> Result<()> {
    let client = Client::new(ClientConfig {
        stun_serv_addr: String::new(),
        turn_serv_addr: format!("{}:{}", endpoint.host, endpoint.port),
        username: endpoint.username.to_owned(),
        password: endpoint.password.to_owned(),
        realm: String::new(),
        software: String::new(),
        rto_in_ms: 0,
        conn: Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?),
        vnet: None,
    })
    .await?;
    client.listen().await?;
    let relay = timeout(ALLOCATE_TIMEOUT, client.allocate()).await;
    let address = match &relay {
        Ok(Ok(relay)) => Some(webrtc_util::Conn::local_addr(relay)?),
        _ => None,
    };
    // Without this, the client goes on reading from its socket.
    client.close().await?;
    relay.context("coturn did not answer in time")??;
    ensure!(
        address.is_some_and(|address| address.ip() == RELAYS),
        "{address:?} is none of coturn's"
    );
    Ok(())
}
