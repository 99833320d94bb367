//! What other clients do: two refresh policies, restated, that ask the same homeserver.
//!
//! Their durations are those of the real clients, divided by how much faster time passes on the page: a
//! TTL of 30 s that stands for an hour makes the 10 minutes of matrix-js-sdk 5 s. What
//! the homeserver says and what the library does is not scaled.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use matrix_sdk::reqwest;
use matrix_sdk_turn::Clock;
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use url::Url;

use super::{
    clock::SleepingClock,
    events::{Events, Kind, Track},
    protocol::Holds,
};

/// matrix-js-sdk looks this often whether credentials are about to expire, and asks if they do within
/// this time.
const JS_SDK_INTERVAL: Duration = Duration::from_secs(600);

/// hydrogen-web waits for this long after an HTTP error, and in the place of a TTL that it does not know.
const HYDROGEN_AFTER_ERROR: Duration = Duration::from_secs(300);

/// A homeserver that says nothing: browsers give up after five minutes.
const PATIENCE: Duration = Duration::from_secs(300);

/// However short the TTL: the page is no load test.
const SHORTEST: Duration = Duration::from_millis(250);

/// How fast time passes for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The embedded homeserver's TTL.
    pub(super) ttl: Duration,
    /// The TTL that it stands for.
    pub(super) stands_for: Duration,
}

impl Pace {
    fn scaled(&self, span: Duration) -> Duration {
        let factor = self.ttl.as_secs_f64() / self.stands_for.as_secs_f64().max(1.0);
        span.mul_f64(factor).max(SHORTEST)
    }
}

/// What a peer has in its hands.
#[derive(Debug, Default)]
struct Held {
    expires: Option<SystemTime>,
    /// Which of the secrets signed them.
    secret: u32,
    asked: bool,
    requests: u64,
}

/// A client that goes by another policy than ours. Nothing tells it that a machine slept, or that a TURN
/// server rejected something.
#[derive(Debug)]
pub(super) struct Peer {
    track: Track,
    held: Mutex<Held>,
    surroundings: Surroundings,
}

/// What the peers of one stage share.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) http: reqwest::Client,
    pub(super) url: Url,
    pub(super) access_token: Option<String>,
    pub(super) clock: SleepingClock,
    pub(super) pace: watch::Receiver<Pace>,
    pub(super) secret: watch::Receiver<u32>,
    pub(super) events: Arc<Events>,
}

enum Outcome {
    Credentials(Duration),
    HttpError(u16),
    NetworkError,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "uris")]
    _uris: Vec<String>,
    ttl: u64,
}

impl Peer {
    pub(super) fn new(track: Track, surroundings: Surroundings) -> Self {
        Self { track, held: Mutex::default(), surroundings }
    }

    pub(super) fn track(&self) -> Track {
        self.track
    }

    pub(super) fn requests(&self) -> u64 {
        self.held().requests
    }

    pub(super) fn holds(&self) -> Holds {
        let held = self.held();
        match held.expires {
            None if held.asked => Holds::Nothing,
            None => Holds::Idle,
            Some(expires) => {
                let now = self.surroundings.clock.now().wall;
                let rejected = held.secret != *self.surroundings.secret.borrow();
                if rejected || expires <= now { Holds::Stale } else { Holds::Valid }
            }
        }
    }

    /// Goes by its policy for ever.
    pub(super) async fn run(&self) {
        match self.track {
            Track::HydrogenWeb => self.run_hydrogen_web().await,
            _ => self.run_matrix_js_sdk().await,
        }
    }

    /// A timer every 10 minutes; asks when at most 10 minutes are left by the wall clock. A 403 ends it.
    async fn run_matrix_js_sdk(&self) {
        loop {
            let soon = self.surroundings.pace.borrow().scaled(JS_SDK_INTERVAL);
            let now = self.surroundings.clock.now().wall;
            let is_due = self.held().expires.is_none_or(|expires| expires <= now + soon);
            if is_due && matches!(self.ask().await, Outcome::HttpError(403)) {
                return;
            }
            self.pause(|pace| pace.scaled(JS_SDK_INTERVAL)).await;
        }
    }

    /// Waits the whole TTL. After an HTTP error 5 minutes; after a network error the TTL again.
    async fn run_hydrogen_web(&self) {
        let mut ttl = None;
        loop {
            match self.ask().await {
                Outcome::Credentials(answered) => ttl = Some(answered),
                Outcome::NetworkError => {}
                Outcome::HttpError(_) => {
                    self.pause(|pace| pace.scaled(HYDROGEN_AFTER_ERROR)).await;
                    continue;
                }
            }
            // A TTL is what the homeserver said, and so at the page's pace already.
            self.pause(|pace| ttl.unwrap_or_else(|| pace.scaled(HYDROGEN_AFTER_ERROR))).await;
        }
    }

    /// Waits, at a pace that may change meanwhile.
    async fn pause(&self, span: impl Fn(Pace) -> Duration) {
        let mut pace = self.surroundings.pace.clone();
        let start = Instant::now();
        loop {
            let current = *pace.borrow_and_update();
            tokio::select! {
                () = sleep_until(start + span(current)) => return,
                changed = pace.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn ask(&self) -> Outcome {
        {
            let mut held = self.held();
            held.asked = true;
            held.requests += 1;
        }
        let Surroundings { clock, events, secret, pace, .. } = &self.surroundings;
        events.add(self.track, Kind::Request, "asks the homeserver");
        let sent = clock.now().wall;
        let secret = *secret.borrow();
        let patience = pace.borrow().scaled(PATIENCE);
        let outcome = match timeout(patience, self.fetch()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Outcome::NetworkError,
        };
        match outcome {
            Outcome::Credentials(ttl) => {
                let mut held = self.held();
                held.expires = Some(sent + ttl);
                held.secret = secret;
                drop(held);
                let text = format!("credentials for {} s", ttl.as_secs());
                events.add(self.track, Kind::Answer, text);
            }
            Outcome::HttpError(status) => {
                events.add(
                    self.track,
                    Kind::Error,
                    format!("no credentials in an answer {status}"),
                );
            }
            Outcome::NetworkError => events.add(self.track, Kind::Error, "no answer"),
        }
        outcome
    }

    async fn fetch(&self) -> reqwest::Result<Outcome> {
        let Surroundings { http, url, access_token, .. } = &self.surroundings;
        let mut request = http.get(url.clone());
        if let Some(token) = access_token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await?;
        let status = response.status();
        let body = response.bytes().await?;
        Ok(match serde_json::from_slice::<Body>(&body) {
            Ok(Body { ttl, .. }) if status.is_success() => {
                Outcome::Credentials(Duration::from_secs(ttl))
            }
            _ => Outcome::HttpError(status.as_u16()),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minute_that_stands_for_an_hour_makes_ten_minutes_five_seconds() {
        let pace = Pace { ttl: Duration::from_secs(30), stands_for: Duration::from_secs(3600) };
        assert_eq!(pace.scaled(JS_SDK_INTERVAL), Duration::from_secs(5));
    }
}
