//! What a widget does in its life, and the homeserver behind it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use matrix_sdk::Room;
use matrix_sdk_turn::{
    Answer, TurnServer, TurnServerCapability, TurnServerSource, TurnWidgetDriverHandle,
    Unavailable, UnavailableReason, async_trait,
};
use serde_json::{Value, json};
use tests::widget::{Provider, TURN, settings};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout_at},
};

/// Longer than one jump of the clock, so that credentials are refreshed before they expire.
const TTL: Duration = Duration::from_secs(1200);

/// Fails as often as it answers.
#[derive(Debug, Default)]
pub(crate) struct FlappingSource {
    pub(crate) in_flight: Arc<AtomicUsize>,
}

/// Counts a request for as long as there is one.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl TurnServerSource for FlappingSource {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        let _in_flight = InFlight::new(&self.in_flight);
        sleep(Duration::from_millis(fastrand::u64(0..200))).await;
        let unavailable = |reason| Err(Unavailable::new(reason));
        match fastrand::u8(0..8) {
            0..4 => {
                let uris = vec!["turn:turn.example.org:3478?transport=udp".to_owned()];
                let username = fastrand::u64(..).to_string();
                Answer::new(TurnServer::new(uris, username, "turn-s3cret"), TTL)
            }
            4 => unavailable(UnavailableReason::NotConfigured),
            5 => unavailable(UnavailableReason::Forbidden),
            6 => std::future::pending().await,
            _ => unavailable(UnavailableReason::Unreachable),
        }
    }
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    counts: Arc<[AtomicU64; Event::ALL.len()]>,
    requests: u64,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Started,
    Watched,
    Unwatched,
    Reloaded,
    Updated,
    HandleDropped,
    DriverDropped,
}

impl Event {
    const ALL: [Self; 7] = [
        Self::Started,
        Self::Watched,
        Self::Unwatched,
        Self::Reloaded,
        Self::Updated,
        Self::HandleDropped,
        Self::DriverDropped,
    ];
}

impl Counts {
    fn note(&self, event: Event) {
        self.counts[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn with_requests(self, requests: u64) -> Self {
        Self { requests, ..self }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (event, count) in Event::ALL.iter().zip(&*self.counts) {
            writeln!(f, "{:>10}  {event:?}", count.load(Ordering::Relaxed))?;
        }
        write!(f, "{:>10}  requests to the homeserver", self.requests)
    }
}

/// One place for a widget in the client: where one goes, another comes.
pub(crate) struct Life {
    random: fastrand::Rng,
    capability: TurnServerCapability,
    room: Room,
    counts: Counts,
}

impl Life {
    pub(crate) fn new(
        seed: u64,
        capability: TurnServerCapability,
        room: Room,
        counts: &Counts,
    ) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { random, capability, room, counts: counts.clone() }
    }

    pub(crate) async fn live(mut self, until: Instant) {
        while Instant::now() < until {
            let (driver, handle) = self.capability.widget_driver(settings());
            let driver = tokio::spawn(driver.run(self.room.clone(), Provider::Grant));
            self.counts.note(Event::Started);
            self.use_widget(&handle, until).await;
            self.end(driver, handle);
        }
    }

    /// The page does what it likes, and answers what it is sent, or does not.
    async fn use_widget(&mut self, handle: &TurnWidgetDriverHandle, until: Instant) {
        request(handle, "content_loaded");
        for _ in 0..self.random.u32(1..20) {
            let next = Instant::now() + Duration::from_millis(self.random.u64(0..2_000));
            while let Ok(Some(message)) = timeout_at(next.min(until), handle.recv()).await {
                self.respond(handle, &message);
            }
            if Instant::now() >= until {
                return;
            }
            let (event, action) = match self.random.u8(0..4) {
                0 => (Event::Unwatched, "unwatch_turn_servers"),
                1 => (Event::Reloaded, "content_loaded"),
                _ => (Event::Watched, "watch_turn_servers"),
            };
            self.counts.note(event);
            request(handle, action);
        }
        sleep_until(until.min(Instant::now() + Duration::from_millis(self.random.u64(0..500))))
            .await;
    }

    fn respond(&mut self, handle: &TurnWidgetDriverHandle, message: &str) {
        let mut message: Value = serde_json::from_str(message).unwrap();
        if message["api"] != "toWidget" {
            return;
        }
        if message["action"] == "update_turn_servers" {
            self.counts.note(Event::Updated);
            if self.random.u8(0..4) == 0 {
                return;
            }
        }
        message["response"] = json!({ "capabilities": [TURN] });
        handle.send(message.to_string());
    }

    /// A call view goes: with its handle, or with its task.
    fn end(&mut self, driver: JoinHandle<Result<(), ()>>, handle: TurnWidgetDriverHandle) {
        if self.random.bool() {
            self.counts.note(Event::DriverDropped);
            driver.abort();
        } else {
            self.counts.note(Event::HandleDropped);
        }
        drop(handle);
    }
}

fn request(handle: &TurnWidgetDriverHandle, action: &str) {
    handle.send(tests::widget::request("1", action).to_string());
}
