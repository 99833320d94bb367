//! The stream side: two webrtc-rs peers, each with the TURN servers of one account's stream, which
//! reach each other through relays only.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use matrix_sdk_turn::{RtcIceServer, TurnService, TurnState, TurnStates};
use rustls::crypto::aws_lc_rs;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use webrtc::{
    api::{APIBuilder, setting_engine::SettingEngine},
    data_channel::{RTCDataChannel, data_channel_init::RTCDataChannelInit},
    ice::mdns::MulticastDnsMode,
    ice_transport::{
        ice_candidate::RTCIceCandidate, ice_candidate_type::RTCIceCandidateType,
        ice_server::RTCIceServer,
    },
    peer_connection::{
        RTCPeerConnection, configuration::RTCConfiguration,
        policy::ice_transport_policy::RTCIceTransportPolicy,
        sdp::session_description::RTCSessionDescription,
    },
};

/// How long one step may take. The homeserver, the TURN server and both peers are on loopback; what
/// takes time is the machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Both peers name the channel by this number, so that none has to announce it to the other.
const CHANNEL: u16 = 0;

/// The addresses that the TURN server lent for the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relays {
    pub(crate) alice: SocketAddr,
    pub(crate) bob: SocketAddr,
}

impl Relays {
    /// Fails unless coturn's log (with `verbose`) has it that both addresses are its own.
    pub(crate) fn ensure_lent_by(&self, coturn_log: &str) -> Result<()> {
        for relay in [self.alice, self.bob] {
            let lent = format!("Local relay addr: {relay}");
            ensure!(
                coturn_log.lines().any(|line| line.ends_with(&lent)),
                "coturn's log does not say {lent:?}, so the data took another way"
            );
        }
        Ok(())
    }
}

/// Connects two peers, has each send a message to the other, and says over which relays it went.
pub(crate) async fn peers_exchange_data(alice: &TurnService, bob: &TurnService) -> Result<Relays> {
    let mut alice = Peer::new("alice", ice_servers("alice", &mut alice.subscribe()).await?).await?;
    let mut bob = Peer::new("bob", ice_servers("bob", &mut bob.subscribe()).await?).await?;
    let outcome = exchange(&mut alice, &mut bob).await;
    for peer in [alice, bob] {
        // Gives the relay back. What went wrong before is what counts.
        if let Err(error) = peer.connection.close().await {
            tracing::warn!(%error, peer = peer.name, "the connection did not close cleanly");
        }
    }
    outcome
}

async fn exchange(alice: &mut Peer, bob: &mut Peer) -> Result<Relays> {
    let offer = alice.offer().await?;
    let answer = bob.answer(offer).await?;
    alice.connection.set_remote_description(answer).await?;

    // webrtc-rs cannot open a channel of this kind once the other peer has sent something on it.
    alice.wait_until_open().await?;
    bob.wait_until_open().await?;
    alice.channel.send_text("from alice").await?;
    bob.channel.send_text("from bob").await?;
    ensure!(bob.hear().await? == "from alice");
    ensure!(alice.hear().await? == "from bob");

    let relays = alice.relays().await?;
    let seen_by_bob = bob.relays().await?;
    ensure!(
        (relays.0, relays.1) == (seen_by_bob.1, seen_by_bob.0),
        "alice sends over {relays:?}, bob over {seen_by_bob:?}"
    );
    Ok(Relays { alice: relays.0, bob: relays.1 })
}

/// One end, with a data channel that both name by the same number.
pub(crate) struct Peer {
    name: &'static str,
    pub(crate) connection: RTCPeerConnection,
    pub(crate) channel: Arc<RTCDataChannel>,
    is_open: watch::Receiver<bool>,
    heard: mpsc::UnboundedReceiver<String>,
}

impl Peer {
    pub(crate) async fn new(name: &'static str, ice_servers: Vec<RTCIceServer>) -> Result<Self> {
        // matrix-sdk brings one provider, webrtc-rs another, and between two rustls does not choose.
        // An error means that somebody has chosen already.
        let _ = aws_lc_rs::default_provider().install_default();
        let mut settings = SettingEngine::default();
        // By default it listens for multicasts, on all addresses.
        settings.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
        let connection = APIBuilder::new()
            .with_setting_engine(settings)
            .build()
            .new_peer_connection(RTCConfiguration { ice_servers, ..configuration() })
            .await?;
        let negotiated =
            RTCDataChannelInit { negotiated: Some(CHANNEL), ..RTCDataChannelInit::default() };
        let channel = connection.create_data_channel("data", Some(negotiated)).await?;

        let (opened, is_open) = watch::channel(false);
        channel.on_open(Box::new(move || {
            opened.send_replace(true);
            Box::pin(async {})
        }));
        let (hears, heard) = mpsc::unbounded_channel();
        channel.on_message(Box::new(move |message| {
            // Fails when nobody listens any more.
            let _ = hears.send(String::from_utf8_lossy(&message.data).into_owned());
            Box::pin(async {})
        }));
        Ok(Self { name, connection, channel, is_open, heard })
    }

    pub(crate) async fn offer(&self) -> Result<RTCSessionDescription> {
        let offer = self.connection.create_offer(None).await?;
        self.describe(offer).await
    }

    pub(crate) async fn answer(
        &self,
        offer: RTCSessionDescription,
    ) -> Result<RTCSessionDescription> {
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        self.describe(answer).await
    }

    /// The description with all candidates in it, each of which has to be a relay.
    pub(crate) async fn describe(
        &self,
        half: RTCSessionDescription,
    ) -> Result<RTCSessionDescription> {
        let mut gathered = self.connection.gathering_complete_promise().await;
        self.connection.set_local_description(half).await?;
        // The channel closes once all is gathered.
        within(self.name, &self.connection, "the TURN server's answer", gathered.recv()).await?;
        let description =
            self.connection.local_description().await.context("a description was just set")?;

        let candidates: Vec<_> =
            description.sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        ensure!(
            !candidates.is_empty(),
            "{} was lent no relay: the TURN server's log says why",
            self.name
        );
        ensure!(
            candidates.iter().all(|candidate| candidate.contains(" typ relay")),
            "{} gathered more than relays: {candidates:?}",
            self.name
        );
        Ok(description)
    }

    pub(crate) async fn wait_until_open(&mut self) -> Result<()> {
        let Self { name, connection, is_open, .. } = self;
        within(name, connection, "an open data channel", is_open.wait_for(|it| *it)).await??;
        Ok(())
    }

    async fn hear(&mut self) -> Result<String> {
        let Self { name, connection, heard, .. } = self;
        within(name, connection, "a message of the other peer's", heard.recv())
            .await?
            .context("the data channel is gone")
    }

    /// Where the data leaves and where it arrives, by the candidate pair in use.
    async fn relays(&self) -> Result<(SocketAddr, SocketAddr)> {
        let dtls = self.connection.dtls_transport();
        let pair = dtls
            .ice_transport()
            .get_selected_candidate_pair()
            .await
            .with_context(|| format!("{} has no candidate pair in use", self.name))?;
        Ok((relay_address(&pair.local)?, relay_address(&pair.remote)?))
    }
}

async fn within<T>(
    name: &str,
    connection: &RTCPeerConnection,
    what: &str,
    step: impl Future<Output = T>,
) -> Result<T> {
    timeout(PATIENCE, step).await.with_context(|| {
        format!(
            "{name} waited {PATIENCE:?} for {what} in vain (connection {}, ICE {}): the TURN \
             server's log says more",
            connection.connection_state(),
            connection.ice_connection_state(),
        )
    })
}

/// Without servers: relays only.
pub(crate) fn configuration() -> RTCConfiguration {
    RTCConfiguration {
        ice_transport_policy: RTCIceTransportPolicy::Relay,
        ..RTCConfiguration::default()
    }
}

/// The TURN servers of the stream's first state, as webrtc-rs takes them.
pub(crate) async fn ice_servers(name: &str, states: &mut TurnStates) -> Result<Vec<RTCIceServer>> {
    let state = timeout(PATIENCE, states.next())
        .await
        .with_context(|| format!("{name}'s stream said nothing for {PATIENCE:?}"))?
        .context("the stream never ends")?;
    if let TurnState::Unavailable(why) = &state {
        bail!("{name} has no TURN server: {why}");
    }
    Ok(own_ice_servers(&state))
}

/// As webrtc-rs takes them.
pub(crate) fn own_ice_servers(state: &TurnState) -> Vec<RTCIceServer> {
    let ours = |server: &RtcIceServer<'_>| RTCIceServer {
        urls: server.urls.to_vec(),
        username: server.username.to_owned(),
        credential: server.credential.to_owned(),
    };
    state.ice_servers().iter().map(ours).collect()
}

fn relay_address(candidate: &RTCIceCandidate) -> Result<SocketAddr> {
    ensure!(candidate.typ == RTCIceCandidateType::Relay, "{candidate} is no relay");
    Ok(SocketAddr::new(candidate.address.parse()?, candidate.port))
}
