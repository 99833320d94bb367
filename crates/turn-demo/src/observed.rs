//! The homeserver as a source of TURN credentials, that tells of every answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use matrix_sdk::Client;
use matrix_sdk_turn::{Answer, HomeserverSource, SessionEvent, TurnServerSource, Unavailable};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The homeserver answered, or failed to.
#[derive(Debug)]
pub(crate) struct Answered {
    /// It is the answer to this request, counted from 1.
    pub(crate) number: u32,
    pub(crate) took: Duration,
    /// `None`: it sent credentials.
    pub(crate) failure: Option<Unavailable>,
}

/// A [`HomeserverSource`] that tells of every answer.
#[derive(Debug)]
pub(crate) struct ObservedSource {
    source: HomeserverSource,
    answers: UnboundedSender<Answered>,
    requests: Arc<AtomicU32>,
}

impl ObservedSource {
    pub(crate) fn new(client: &Client) -> (Self, UnboundedReceiver<Answered>) {
        let (answers, told) = unbounded_channel();
        let source = HomeserverSource::new(client);
        (Self { source, answers, requests: Arc::default() }, told)
    }

    /// How many requests were sent to the homeserver. The count goes on after the call.
    pub(crate) fn requests(&self) -> Arc<AtomicU32> {
        self.requests.clone()
    }
}

#[async_trait]
impl TurnServerSource for ObservedSource {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let sent = Instant::now();
        let answer = self.source.fetch().await;
        let failure = answer.as_ref().err().cloned();
        // If nobody follows any more, nobody wants to know.
        let _ = self.answers.send(Answered { number, took: sent.elapsed(), failure });
        answer
    }

    async fn session_event(&self) -> SessionEvent {
        self.source.session_event().await
    }
}
