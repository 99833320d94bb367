//! The homeserver as a source of TURN credentials, with an event for every request and answer.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use matrix_sdk::Client;
use matrix_sdk_turn::{
    Answer, HomeserverSource, SessionEvent, TurnServer, TurnServerSource, Unavailable,
};
use tokio::sync::watch;

use super::events::{Events, Kind, Track};

/// A [`HomeserverSource`] that is watched.
#[derive(Debug)]
pub(super) struct WatchedSource {
    source: HomeserverSource,
    events: Arc<Events>,
    newest: Newest,
    secret: watch::Receiver<u32>,
    asked: watch::Sender<bool>,
}

/// The newest answer, for whoever shows how much of its life is left.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest(Arc<Mutex<Option<Issued>>>);

/// An answer, and the number of the secret that its password was made with.
#[derive(Clone, Debug)]
struct Issued {
    answer: Answer,
    secret: u32,
}

impl Newest {
    /// For how long these credentials were handed out, if they are the newest.
    pub(super) fn ttl_of(&self, server: &TurnServer) -> Option<Duration> {
        self.issued(server).map(|issued| issued.answer.ttl())
    }

    /// The number of the secret that they were made with, if they are the newest.
    pub(super) fn secret_of(&self, server: &TurnServer) -> Option<u32> {
        self.issued(server).map(|issued| issued.secret)
    }

    fn issued(&self, server: &TurnServer) -> Option<Issued> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().filter(|issued| issued.answer.server() == server).cloned()
    }

    fn set(&self, answer: &Answer, secret: u32) {
        let issued = Issued { answer: answer.clone(), secret };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(issued);
    }
}

impl WatchedSource {
    /// `asked` is set with the first request.
    pub(super) fn new(
        client: &Client,
        events: Arc<Events>,
        newest: Newest,
        secret: watch::Receiver<u32>,
        asked: watch::Sender<bool>,
    ) -> Self {
        Self { source: HomeserverSource::new(client), events, newest, secret, asked }
    }
}

#[async_trait]
impl TurnServerSource for WatchedSource {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        self.asked.send_replace(true);
        self.events.add(Track::Ours, Kind::Request, "asks the homeserver");
        let sent = Instant::now();
        let secret = *self.secret.borrow();
        let outcome = self.source.fetch().await;
        let took = sent.elapsed().as_secs_f64() * 1000.0;
        match &outcome {
            Ok(answer) => {
                self.newest.set(answer, secret);
                let ttl = answer.ttl().as_secs();
                let text = format!("credentials for {ttl} s, after {took:.0} ms");
                self.events.add(Track::Ours, Kind::Answer, text);
            }
            Err(why) => self.events.add(Track::Ours, Kind::Error, why.to_string()),
        }
        outcome
    }

    async fn session_event(&self) -> SessionEvent {
        self.source.session_event().await
    }
}
