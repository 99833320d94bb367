//! A client that places calls itself, with webrtc-rs: over relays, with credentials that the TURN server
//! refuses at first, and for longer than those that replace them are valid.
//!
//! ```sh
//! cargo run --package examples --example native_call
//! ```
//!
//! Both ends of the call are in this process, and numbered messages flow from one to the other, which
//! stands for audio and video.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use examples::{describe, log_in, say};
use matrix_sdk_turn::{TurnServer, TurnService, TurnStates};
use rustls::crypto::aws_lc_rs;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{interval, sleep, timeout},
};
use turn_embedded::EmbeddedServers;
use turn_probe::{AllocateError, allocate};
use webrtc::{
    api::{APIBuilder, setting_engine::SettingEngine},
    data_channel::{RTCDataChannel, data_channel_init::RTCDataChannelInit},
    ice::mdns::MulticastDnsMode,
    ice_transport::ice_server::RTCIceServer,
    peer_connection::{
        RTCPeerConnection, configuration::RTCConfiguration,
        policy::ice_transport_policy::RTCIceTransportPolicy,
        sdp::session_description::RTCSessionDescription,
    },
};

/// Short, so that a call outlives it within half a minute.
const TTL: Duration = Duration::from_secs(30);

/// More than the schedule, or anything on loopback, takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two messages of the call.
const PACE: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<()> {
    // matrix-sdk and webrtc-rs bring a rustls provider each, and rustls does not choose between two: the
    // first call would panic. An error means that somebody has chosen already.
    let _ = aws_lc_rs::default_provider().install_default();

    let servers = EmbeddedServers::start(TTL, None).await?;
    let client = log_in(&servers.homeserver).await?;
    let turn = TurnService::new(&client);
    let outcome = call(&servers, &turn).await;
    // What an app does when the user logs out.
    turn.end_session();
    servers.stop().await;
    outcome
}

async fn call(servers: &EmbeddedServers, turn: &TurnService) -> Result<()> {
    // Kept for as long as there is a call: it is what keeps the credentials fresh.
    let mut states = turn.subscribe();
    let server = next_server(&mut states).await?;
    say(format_args!("the client holds {}", describe(&server)));

    servers.rotate_secret();
    say("the TURN server's operator changes its secret, so what is held is refused from now on");
    let (connection, server) = connect(turn, &mut states, server).await?;
    say(format_args!("the call is connected with {}", describe(&server)));
    let flow = Flow::start(&connection);

    // The stream says in time when there are others: at about 2/3 of the TTL.
    let server = next_server(&mut states).await?;
    say(format_args!("an update while the call lasts: {}", describe(&server)));
    let connection = take_over(&flow, connection, &server).await?;
    say("the call runs over the other connection, and the first one is closed");

    sleep(Duration::from_secs(5)).await;
    flow.stop().await?;
    connection.close().await;
    Ok(())
}

/// The credentials of the stream's next state.
async fn next_server(states: &mut TurnStates) -> Result<TurnServer> {
    let state = timeout(PATIENCE, states.next())
        .await
        .context("no credentials came in time")?
        .context("the session has ended")?;
    Ok(state.into_result()?)
}

/// Connects, and replaces credentials that the TURN server refuses, or that name a server which has moved.
async fn connect(
    turn: &TurnService,
    states: &mut TurnStates,
    server: TurnServer,
) -> Result<(Connection, TurnServer)> {
    if let Some(connection) = Connection::open(&server).await? {
        return Ok((connection, server));
    }
    // webrtc-rs does not say why it gathered no relay: the answer to Allocate goes to its log only. A
    // request of our own tells refused credentials from a TURN server that is full, down or has moved.
    let server = match allocate(&server).await {
        Err(error @ AllocateError::Rejected { .. }) => {
            say(format_args!("no relay: {error}"));
            // Asks the homeserver for others, now. (If it has just been asked for this reason, within
            // 10 s.)
            turn.report_rejected(&server);
            let server = next_server(states).await?;
            say(format_args!("reported, and replaced by {}", describe(&server)));
            server
        }
        // The TURN server may have moved since the homeserver handed this out. If it has not, the
        // stream yields nothing: the server is down or full.
        Err(error) => {
            say(format_args!("no relay: {error}"));
            turn.refresh();
            let server = next_server(states).await?;
            say(format_args!("the homeserver hands out others now: {}", describe(&server)));
            server
        }
        Ok(_) => bail!("the TURN server lends a relay, but webrtc-rs gathered none"),
    };
    let connection = Connection::open(&server).await?.context("no relay with these either")?;
    Ok((connection, server))
}

/// Has a call go on with other credentials, without losing anything.
///
/// In a browser, and with libwebrtc, this is `setConfiguration` and an ICE restart, started by one side
/// only. webrtc-rs 0.17 gathers with the servers that a connection was made with, whatever
/// `set_configuration` is given, and its ICE restart gives up the old path before there is another. So
/// another connection is made beside the one in use, takes its place once it is open, and the old one is
/// closed when everything sent over it has arrived.
async fn take_over(flow: &Flow, old: Connection, server: &TurnServer) -> Result<Connection> {
    let new = Connection::open(server).await?.context("the TURN server refuses the update")?;
    flow.switch_to(&new).await?;
    old.close().await;
    Ok(new)
}

/// Two webrtc-rs peers, and a data channel between them that is open at both ends.
struct Connection {
    alice: RTCPeerConnection,
    bob: RTCPeerConnection,
    from_alice: Arc<RTCDataChannel>,
    to_bob: Arc<RTCDataChannel>,
}

impl Connection {
    /// `None` if there is no relay to be had.
    async fn open(server: &TurnServer) -> Result<Option<Self>> {
        let (alice, from_alice) = peer(server).await?;
        let (bob, to_bob) = peer(server).await?;
        let offer = alice.create_offer(None).await?;
        let Some(offer) = describe_with_candidates(&alice, offer).await? else { return Ok(None) };
        bob.set_remote_description(offer).await?;
        let answer = bob.create_answer(None).await?;
        let Some(answer) = describe_with_candidates(&bob, answer).await? else { return Ok(None) };

        let opened = [&from_alice, &to_bob].map(|channel| when_open(channel));
        alice.set_remote_description(answer).await?;
        for mut opened in opened {
            timeout(PATIENCE, opened.recv()).await.context("the data channel does not open")?;
        }
        Ok(Some(Self { alice, bob, from_alice, to_bob }))
    }

    /// Gives the relays back.
    async fn close(self) {
        for peer in [self.alice, self.bob] {
            if let Err(error) = peer.close().await {
                say(format_args!("a connection did not close cleanly: {error}"));
            }
        }
    }
}

async fn peer(server: &TurnServer) -> Result<(RTCPeerConnection, Arc<RTCDataChannel>)> {
    let ours = server.to_ice_servers();
    let ice_servers = ours.iter().map(|server| RTCIceServer {
        // webrtc-rs speaks TURN over UDP only. The other URIs would cost it a warning each.
        urls: server.urls.iter().filter(|url| !url.ends_with("=tcp")).cloned().collect(),
        username: server.username.clone(),
        credential: server.credential.clone(),
    });
    let configuration = RTCConfiguration {
        ice_servers: ice_servers.collect(),
        // A call would not insist on relays. Here there would be none otherwise: both ends are on
        // one machine.
        ice_transport_policy: RTCIceTransportPolicy::Relay,
        ..RTCConfiguration::default()
    };
    let mut settings = SettingEngine::default();
    // By default it listens for multicasts, on all addresses.
    settings.set_ice_multicast_dns_mode(MulticastDnsMode::Disabled);
    let api = APIBuilder::new().with_setting_engine(settings).build();
    let peer = api.new_peer_connection(configuration).await?;
    // Both ends name the channel by this number, so that none has to announce it.
    let number = RTCDataChannelInit { negotiated: Some(0), ..RTCDataChannelInit::default() };
    let channel = peer.create_data_channel("call", Some(number)).await?;
    Ok((peer, channel))
}

/// The description with all candidates in it; `None` if there are none.
async fn describe_with_candidates(
    peer: &RTCPeerConnection,
    description: RTCSessionDescription,
) -> Result<Option<RTCSessionDescription>> {
    let mut gathered = peer.gathering_complete_promise().await;
    peer.set_local_description(description).await?;
    timeout(PATIENCE, gathered.recv()).await.context("gathering does not end")?;
    let description = peer.local_description().await.context("a description was just set")?;
    Ok(description.sdp.contains("a=candidate:").then_some(description))
}

fn when_open(channel: &RTCDataChannel) -> mpsc::Receiver<()> {
    let (opened, is_open) = mpsc::channel(1);
    channel.on_open(Box::new(move || {
        Box::pin(async move {
            // Fails when nobody waits any more.
            let _ = opened.send(()).await;
        })
    }));
    is_open
}

/// Numbered messages from alice to bob, over whichever connection is in use.
struct Flow {
    channel: watch::Sender<Arc<RTCDataChannel>>,
    sent: Arc<AtomicU64>,
    arrivals: Arc<Mutex<Arrivals>>,
    sender: JoinHandle<()>,
}

struct Arrivals {
    last: Instant,
    longest_gap: Duration,
    received: u64,
}

impl Flow {
    fn start(connection: &Connection) -> Self {
        let (channel, in_use) = watch::channel(connection.from_alice.clone());
        let sent = Arc::new(AtomicU64::new(0));
        let arrivals = Arrivals { last: Instant::now(), longest_gap: Duration::ZERO, received: 0 };
        let sender = tokio::spawn(send(in_use, sent.clone()));
        let flow = Self { channel, sent, arrivals: Arc::new(Mutex::new(arrivals)), sender };
        flow.receive_from(connection);
        flow
    }

    fn receive_from(&self, connection: &Connection) {
        let arrivals = self.arrivals.clone();
        connection.to_bob.on_message(Box::new(move |_message| {
            if let Ok(mut arrivals) = arrivals.lock() {
                let now = Instant::now();
                arrivals.longest_gap = arrivals.longest_gap.max(now - arrivals.last);
                arrivals.last = now;
                arrivals.received += 1;
            }
            Box::pin(async {})
        }));
    }

    async fn switch_to(&self, connection: &Connection) -> Result<()> {
        self.receive_from(connection);
        self.channel.send_replace(connection.from_alice.clone());
        // The other end would say when it has everything that was sent before.
        self.wait_until_received(self.sent.load(Ordering::Relaxed)).await
    }

    async fn stop(self) -> Result<()> {
        self.sender.abort();
        let sent = self.sent.load(Ordering::Relaxed);
        self.wait_until_received(sent).await?;
        let arrivals = self.arrivals.lock().ok().context("a receiver panicked")?;
        say(format_args!(
            "{sent} messages sent, {} received, the longest gap between two {} ms",
            arrivals.received,
            arrivals.longest_gap.as_millis()
        ));
        Ok(())
    }

    async fn wait_until_received(&self, sent: u64) -> Result<()> {
        let started = Instant::now();
        while self.arrivals.lock().ok().context("a receiver panicked")?.received < sent {
            ensure!(started.elapsed() < PATIENCE, "not all messages arrived");
            sleep(PACE).await;
        }
        Ok(())
    }
}

async fn send(channel: watch::Receiver<Arc<RTCDataChannel>>, sent: Arc<AtomicU64>) {
    let mut ticks = interval(PACE);
    loop {
        ticks.tick().await;
        let channel = channel.borrow().clone();
        let number = sent.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = channel.send_text(number.to_string()).await {
            say(format_args!("message {number} was not sent: {error}"));
        }
    }
}
