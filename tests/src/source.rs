//! A source of credentials that follows a script.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use matrix_sdk_turn::{
    Answer, MatrixError, TurnServer, TurnServerSource, Unavailable, UnavailableReason,
};
use tokio::sync::{Mutex, mpsc};

/// One answer to one request.
pub type Outcome = Result<Answer, Unavailable>;

/// The hand that writes the script.
#[derive(Clone, Debug)]
pub struct Script {
    answers: mpsc::UnboundedSender<Outcome>,
    requests: Arc<AtomicUsize>,
}

/// Answers each request with the next outcome of the script, and waits for it if there is none.
#[derive(Debug)]
pub struct ScriptedSource {
    answers: Mutex<mpsc::UnboundedReceiver<Outcome>>,
    requests: Arc<AtomicUsize>,
}

/// A source, and the script it follows.
pub fn scripted() -> (ScriptedSource, Script) {
    let (tx, rx) = mpsc::unbounded_channel();
    let requests = Arc::default();
    let source = ScriptedSource { answers: Mutex::new(rx), requests: Arc::clone(&requests) };
    (source, Script { answers: tx, requests })
}

impl Script {
    /// Answers the next request. There is none if the service has let go of the source.
    pub fn answer(&self, outcome: Outcome) {
        let _ = self.answers.send(outcome);
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TurnServerSource for ScriptedSource {
    async fn fetch(&self) -> Outcome {
        self.requests.fetch_add(1, Ordering::SeqCst);
        match self.answers.lock().await.recv().await {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

/// Credentials of a name, valid for an hour.
pub fn available(username: &str) -> Outcome {
    available_for(username, Duration::from_secs(3600))
}

/// Credentials of a name.
pub fn available_for(username: &str, ttl: Duration) -> Outcome {
    let uris = vec!["turn:turn.example.org:3478?transport=udp".to_owned()];
    Answer::new(TurnServer::new(uris, username, "turn-s3cret"), ttl)
}

/// None, for this reason.
pub fn unavailable(reason: UnavailableReason) -> Outcome {
    Err(Unavailable::new(reason))
}

/// None, since the homeserver answered an error.
pub fn forbidden() -> Outcome {
    Err(Unavailable::new(UnavailableReason::Forbidden).with_matrix_error(MatrixError::new(
        403,
        "M_FORBIDDEN",
        "guests may not call",
    )))
}
