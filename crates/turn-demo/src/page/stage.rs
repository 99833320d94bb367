//! Everything that one tab plays with: servers, a session, a service, and the clients that it is compared
//! with.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use matrix_sdk::{
    Client, Room,
    config::{RequestConfig, SyncSettings},
};
use matrix_sdk_turn::{Clock, TurnService, TurnState, TurnStateKind, TurnStatus};
use tokio::{sync::watch, task::JoinSet};
use turn_embedded::{EmbeddedServers, Fault, USER, room_id};

use super::{
    clock::SleepingClock,
    events::{Events, Kind, Track, millis},
    from_page::Breakage,
    peers::{Pace, Peer, Surroundings},
    prompts::Prompts,
    protocol::{Holds, Status, TrackStatus},
    runtimes::subscribe_and_end,
    source::{Newest, WatchedSource},
};

/// The TTL that Synapse hands out unless it is configured otherwise.
const USUAL_TTL: Duration = Duration::from_secs(60 * 60);

/// What the slider goes to.
const LONGEST_TTL: u32 = 24 * 60 * 60;

/// The longest sleep.
const LONGEST_SLEEP: u32 = 7 * 24 * 60 * 60;

/// What one tab plays with.
pub(super) struct Stage {
    pub(super) turn: TurnService,
    pub(super) room: Room,
    pub(super) events: Arc<Events>,
    pub(super) prompts: Arc<Prompts>,
    servers: EmbeddedServers,
    fault: Option<Fault>,
    time: Time,
    peers: Peers,
}

/// What the stage's clients go by.
struct Time {
    clock: SleepingClock,
    pace: watch::Sender<Pace>,
    /// The number of the secret. Credentials of an earlier one are rejected.
    secret: watch::Sender<u32>,
    newest: Newest,
}

struct Peers {
    all: Vec<Arc<Peer>>,
    /// They stop when this is dropped.
    _tasks: JoinSet<()>,
}

impl Stage {
    /// Starts servers, and logs in.
    pub(super) async fn set(ttl: Duration) -> anyhow::Result<Self> {
        let servers = EmbeddedServers::start(ttl, None).await?;
        let client = log_in(&servers).await?;
        let room = client.get_room(&room_id()).context("the account is not in its room")?;
        let events = Arc::new(Events::new());
        let time = Time {
            clock: SleepingClock::default(),
            pace: watch::Sender::new(Pace { ttl, stands_for: USUAL_TTL }),
            secret: watch::Sender::new(0),
            newest: Newest::default(),
        };
        let (asked, first_request) = watch::channel(false);
        let source = WatchedSource::new(
            &client,
            events.clone(),
            time.newest.clone(),
            time.secret.subscribe(),
            asked,
        );
        let turn = TurnService::builder(source).clock(time.clock.clone()).build();
        let peers = Peers::start(&client, &servers, &events, &time, &first_request)?;
        let prompts = Arc::default();
        Ok(Self { turn, room, events, prompts, servers, fault: None, time, peers })
    }

    pub(super) fn homeserver(&self) -> String {
        self.servers.homeserver.url().to_string()
    }

    pub(super) fn turn_server(&self) -> String {
        self.servers.turn_server.address().to_string()
    }

    /// The TURN server rejected credentials, a widget found out.
    pub(super) fn report_rejected(&self, username: &str) {
        let Some(TurnState::Available(server)) = self.turn.state() else { return };
        if server.username() == username {
            let text = "the TURN server rejects the credentials: report_rejected()";
            self.events.add(Track::Ours, Kind::Note, text);
            self.turn.report_rejected(&server);
        }
    }

    pub(super) fn break_it(&mut self, breakage: Breakage) {
        let action = match breakage {
            Breakage::Homeserver { fault } => {
                self.fault = fault;
                self.servers.homeserver.set_fault(fault);
                // Whoever waits for the next refresh sees nothing for a while.
                self.turn.refresh();
                return;
            }
            Breakage::Secret => {
                self.servers.rotate_secret();
                self.time.secret.send_modify(|secret| *secret += 1);
                "the TURN secret becomes another".to_owned()
            }
            Breakage::Sleep { seconds } => {
                let seconds = seconds.min(LONGEST_SLEEP);
                self.time.clock.sleep(Duration::from_secs(seconds.into()));
                format!("the machine slept for {seconds} s")
            }
            Breakage::Ttl { seconds, stands_for } => {
                let ttl = Duration::from_secs(seconds.clamp(1, LONGEST_TTL).into());
                let stands_for = Duration::from_secs(stands_for.clamp(1, LONGEST_TTL).into());
                self.servers.homeserver.set_ttl(ttl);
                self.time.pace.send_replace(Pace { ttl, stands_for });
                return;
            }
            Breakage::Refresh => {
                self.turn.refresh();
                "the client calls refresh()".to_owned()
            }
            Breakage::Runtime => return subscribe_and_end(&self.turn, &self.events),
        };
        self.events.add(Track::Ours, Kind::Action, action);
    }

    pub(super) fn status(&self) -> Status {
        let (service, state) = self.state();
        let server = state.as_ref().and_then(TurnState::available);
        let ttl = server.and_then(|server| self.time.newest.ttl_of(server));
        Status {
            now: self.events.now(),
            service,
            ttl_ms: ttl.map(millis),
            username: server.map(|server| server.username().to_owned()),
            fault: self.fault,
            tracks: self.tracks(state.as_ref()),
            remembered: self.prompts.remembered(),
        }
    }

    /// Both at one moment: an answer may come between the two looks.
    fn state(&self) -> (TurnStatus, Option<TurnState>) {
        loop {
            let (service, state) = (self.turn.status(), self.turn.state());
            if service.state == state.as_ref().map(TurnStateKind::from) {
                return (service, state);
            }
        }
    }

    fn tracks(&self, state: Option<&TurnState>) -> Vec<TrackStatus> {
        let ours = TrackStatus {
            track: Track::Ours,
            holds: self.ours(state),
            requests: self.turn.status().requests,
        };
        let peer = |peer: &Arc<Peer>| TrackStatus {
            track: peer.track(),
            holds: peer.holds(),
            requests: peer.requests(),
        };
        [ours].into_iter().chain(self.peers.all.iter().map(peer)).collect()
    }

    /// Judged from outside, as the peers are.
    fn ours(&self, state: Option<&TurnState>) -> Holds {
        match state {
            None => Holds::Idle,
            Some(TurnState::Available(server)) => {
                let now = self.time.clock.now();
                let rejected = self
                    .time
                    .newest
                    .secret_of(server)
                    .is_some_and(|secret| secret != *self.time.secret.borrow());
                if rejected || server.is_expired(now) { Holds::Stale } else { Holds::Valid }
            }
            Some(_) => Holds::Nothing,
        }
    }

    /// Stops the servers; the rest stops when it is dropped.
    pub(super) async fn strike(self) {
        let Self { servers, peers, .. } = self;
        drop(peers);
        servers.stop().await;
    }
}

impl Peers {
    /// They begin when we do.
    fn start(
        client: &Client,
        servers: &EmbeddedServers,
        events: &Arc<Events>,
        time: &Time,
        first_request: &watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let surroundings = Surroundings {
            http: client.http_client().clone(),
            url: servers.homeserver.url().join("_matrix/client/v3/voip/turnServer")?,
            access_token: client.access_token(),
            clock: time.clock.clone(),
            pace: time.pace.subscribe(),
            secret: time.secret.subscribe(),
            events: events.clone(),
        };
        let mut tasks = JoinSet::new();
        let all: Vec<_> = [Track::MatrixJsSdk, Track::HydrogenWeb]
            .map(|track| Arc::new(Peer::new(track, surroundings.clone())))
            .into();
        for peer in &all {
            let peer = peer.clone();
            let mut begins = first_request.clone();
            tasks.spawn(async move {
                if begins.wait_for(|begins| *begins).await.is_ok() {
                    peer.run().await;
                }
            });
        }
        Ok(Self { all, _tasks: tasks })
    }
}

async fn log_in(servers: &EmbeddedServers) -> anyhow::Result<Client> {
    let homeserver = &servers.homeserver;
    let client = Client::builder()
        .homeserver_url(homeserver.url())
        .request_config(RequestConfig::new().disable_retry())
        .build()
        .await?;
    client
        .matrix_auth()
        .login_username(USER, homeserver.password())
        .send()
        .await
        .context("the embedded homeserver did not take its own password")?;
    client.sync_once(SyncSettings::new()).await.context("the first sync failed")?;
    Ok(client)
}
