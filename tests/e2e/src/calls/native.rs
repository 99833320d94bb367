//! A call between two webrtc-rs peers, each with one account's stream of credentials.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use matrix_sdk_turn::{TurnService, TurnState, TurnStates};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use webrtc::{
    data_channel::RTCDataChannel,
    ice_transport::ice_server::RTCIceServer,
    peer_connection::{configuration::RTCConfiguration, offer_answer_options::RTCOfferOptions},
};

use super::{
    Call, Report,
    flow::{Arrivals, INTERVAL},
};
use crate::{
    scenarios::transport::{Peer, configuration, ice_servers, own_ice_servers},
    wait::until,
};

/// For what was sent over a connection that another one takes the place of.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(10);

/// How a call takes to other credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The other servers are set, and ICE restarts.
    IceRestart,
    /// Another connection is made beside the one in use, and takes its place once it is open.
    OtherConnection,
}

/// A call between two peers.
pub(crate) struct NativeCall {
    ends: [End; 2],
    peers: [Peer; 2],
    renewal: Renewal,
    began: Instant,
}

/// What stays when the connection changes.
struct End {
    states: TurnStates,
    servers: Vec<RTCIceServer>,
    arrivals: Arc<Mutex<Arrivals>>,
    sent: Arc<AtomicU64>,
    /// What the next message is sent over; `None` once nothing is sent any more.
    channel: watch::Sender<Option<Arc<RTCDataChannel>>>,
    sender: JoinHandle<()>,
}

impl NativeCall {
    pub(crate) async fn start(turn: [&TurnService; 2], renewal: Renewal) -> Result<Self> {
        let mut servers = Vec::new();
        let mut states = Vec::new();
        for turn in turn {
            let mut stream = turn.subscribe();
            servers.push(ice_servers("an end of the call", &mut stream).await?);
            states.push(stream);
        }
        let arrivals = [(); 2].map(|()| Arc::new(Mutex::new(Arrivals::new(Instant::now()))));
        let peers = connect([&servers[0], &servers[1]], &arrivals).await?;
        let began = Instant::now();
        for arrivals in &arrivals {
            lock(arrivals).begin(began);
        }
        let ends = states
            .into_iter()
            .zip(servers)
            .zip(arrivals)
            .zip(&peers)
            .map(|(((states, servers), arrivals), peer)| End::new(states, servers, arrivals, peer))
            .collect::<Vec<_>>()
            .try_into()
            .ok()
            .context("a call has two ends")?;
        Ok(Self { ends, peers, renewal, began })
    }

    /// Only one of them starts it: two offers at the same time would collide.
    async fn restart_ice(&mut self) -> Result<()> {
        for (end, peer) in self.ends.iter().zip(&self.peers) {
            let changed = RTCConfiguration { ice_servers: end.servers.clone(), ..configuration() };
            peer.connection.set_configuration(changed).await?;
        }
        let [alice, bob] = &self.peers;
        let restart = RTCOfferOptions { ice_restart: true, ..RTCOfferOptions::default() };
        let offer = alice.connection.create_offer(Some(restart)).await?;
        let answer = bob.answer(alice.describe(offer).await?).await?;
        alice.connection.set_remote_description(answer).await?;
        Ok(())
    }

    async fn change_connection(&mut self) -> Result<()> {
        let arrivals = self.ends.each_ref().map(|end| end.arrivals.clone());
        let servers = self.ends.each_ref().map(|end| end.servers.as_slice());
        let peers = connect(servers, &arrivals).await?;
        let mut sent = [0; 2];
        for ((end, peer), sent) in self.ends.iter().zip(&peers).zip(&mut sent) {
            end.channel.send_replace(Some(peer.channel.clone()));
            *sent = end.sent.load(Ordering::Relaxed);
        }
        // A real call waits for the other end's word that everything has arrived.
        until("what was sent over the old connection arrives", HANDOVER_TIMEOUT, async || {
            let has_all = self.ends[0].arrivals().has_all_below(sent[1])
                && self.ends[1].arrivals().has_all_below(sent[0]);
            Ok(has_all.then_some(()))
        })
        .await?;
        let old = std::mem::replace(&mut self.peers, peers);
        close(old).await;
        Ok(())
    }
}

impl Call for NativeCall {
    fn began(&self) -> Instant {
        self.began
    }

    async fn has_news(&mut self) -> Result<bool> {
        let mut has_news = false;
        for end in &mut self.ends {
            if let Some(state) = end.states.next().now_or_never() {
                match state.context("a stream of credentials ended")? {
                    TurnState::Unavailable(why) => bail!("there is no TURN server any more: {why}"),
                    state => end.servers = own_ice_servers(&state),
                }
                has_news = true;
            }
        }
        Ok(has_news)
    }

    async fn renew(&mut self) -> Result<()> {
        match self.renewal {
            Renewal::IceRestart => self.restart_ice().await,
            Renewal::OtherConnection => self.change_connection().await,
        }
    }

    async fn reports(&self) -> Result<[Report; 2]> {
        let report =
            |end: &End| end.arrivals().report(end.sent.load(Ordering::Relaxed), Instant::now());
        Ok(self.ends.each_ref().map(report))
    }

    async fn stop_sending(&self) -> Result<()> {
        for end in &self.ends {
            end.channel.send_replace(None);
        }
        Ok(())
    }

    async fn hang_up(self) -> Result<()> {
        close(self.peers).await;
        Ok(())
    }
}

impl End {
    fn new(
        states: TurnStates,
        servers: Vec<RTCIceServer>,
        arrivals: Arc<Mutex<Arrivals>>,
        peer: &Peer,
    ) -> Self {
        let (channel, receiver) = watch::channel(Some(peer.channel.clone()));
        let sent = Arc::new(AtomicU64::new(0));
        let sender = tokio::spawn(send(receiver, sent.clone()));
        Self { states, servers, arrivals, sent, channel, sender }
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        lock(&self.arrivals)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two peers whose channel is open at both ends.
async fn connect(
    servers: [&[RTCIceServer]; 2],
    arrivals: &[Arc<Mutex<Arrivals>>; 2],
) -> Result<[Peer; 2]> {
    let mut alice = Peer::new("alice", servers[0].to_vec()).await?;
    let mut bob = Peer::new("bob", servers[1].to_vec()).await?;
    for (peer, arrivals) in [&alice, &bob].into_iter().zip(arrivals) {
        note_arrivals(peer, arrivals);
    }
    let offer = alice.offer().await?;
    let answer = bob.answer(offer).await?;
    alice.connection.set_remote_description(answer).await?;
    alice.wait_until_open().await?;
    bob.wait_until_open().await?;
    Ok([alice, bob])
}

fn note_arrivals(peer: &Peer, arrivals: &Arc<Mutex<Arrivals>>) {
    let notes = arrivals.clone();
    peer.channel.on_message(Box::new(move |message| {
        if let Ok(number) = String::from_utf8_lossy(&message.data).parse() {
            lock(&notes).note(number, Instant::now());
        }
        Box::pin(async {})
    }));
    let notes = arrivals.clone();
    peer.connection.on_ice_connection_state_change(Box::new(move |state| {
        lock(&notes).note_ice_state(state.to_string());
        Box::pin(async {})
    }));
}

async fn send(channel: watch::Receiver<Option<Arc<RTCDataChannel>>>, sent: Arc<AtomicU64>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(channel) = channel.borrow().clone() else { return };
        let number = sent.load(Ordering::Relaxed);
        if let Err(error) = channel.send_text(number.to_string()).await {
            tracing::warn!(%error, "a message was not sent");
            continue;
        }
        sent.store(number + 1, Ordering::Relaxed);
    }
}

/// Gives the relays back. What went wrong before is what counts.
async fn close(peers: [Peer; 2]) {
    for peer in peers {
        if let Err(error) = peer.connection.close().await {
            tracing::warn!(%error, "a connection did not close cleanly");
        }
    }
}
