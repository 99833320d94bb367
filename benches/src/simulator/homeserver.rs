//! A homeserver that answers as its script says.

use std::time::Duration;

use fastrand::Rng;
use matrix_sdk_turn::{Answer, TurnServer, Unavailable, UnavailableReason};

/// What kind of answer a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Credentials.
    Credentials,
    /// A 5xx.
    HttpError,
    /// Connection refused.
    NetworkError,
    /// None at all: the request runs into the client's timeout.
    Hang,
    /// 429, with or without `retry_after`.
    RateLimited(Option<Duration>),
    /// `{}`.
    NotConfigured,
    /// A `turn:` URI without username or password.
    Misconfigured,
    /// 403.
    Forbidden,
    /// 401.
    LoggedOut,
}

impl ReplyKind {
    /// Why there are no credentials in it, if there are none.
    pub fn failure(self) -> Option<UnavailableReason> {
        match self {
            Self::Credentials => None,
            Self::HttpError | Self::NetworkError | Self::Hang => {
                Some(UnavailableReason::Unreachable)
            }
            Self::RateLimited(_) => Some(UnavailableReason::RateLimited),
            Self::NotConfigured => Some(UnavailableReason::NotConfigured),
            Self::Misconfigured => Some(UnavailableReason::Misconfigured),
            Self::Forbidden => Some(UnavailableReason::Forbidden),
            Self::LoggedOut => Some(UnavailableReason::LoggedOut),
        }
    }
}

/// An answer, as it reaches the client.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What kind it is.
    pub kind: ReplyKind,
    /// The credentials and their TTL, if it holds any.
    pub credentials: Option<(TurnServer, Duration)>,
}

impl Reply {
    /// No answer within the time a client waits for one.
    pub fn timeout() -> Self {
        Self { kind: ReplyKind::Hang, credentials: None }
    }

    /// The reply as a source hands it to the schedule.
    pub fn into_answer(self) -> Result<Answer, Unavailable> {
        let failure = self.kind.failure();
        match (self.credentials, failure, self.kind) {
            (Some((server, ttl)), None, _) => Answer::new(server, ttl),
            (_, Some(reason), ReplyKind::RateLimited(retry_after)) => {
                Err(Unavailable::new(reason).with_retry_after(retry_after))
            }
            (_, reason, _) => {
                Err(Unavailable::new(reason.unwrap_or(UnavailableReason::Unreachable)))
            }
        }
    }
}

/// How the homeserver answers during a part of the script.
#[derive(Clone, Debug)]
pub struct Phase {
    /// When it begins, in true time since the start. It ends where the next one begins.
    pub from: Duration,
    /// The TTL of its credentials.
    pub ttl: Duration,
    /// The least and the most time until an answer arrives.
    pub latency: (Duration, Duration),
    /// The share of answers whose credentials differ from the ones before.
    pub rotation: f64,
    /// What it answers, with weights. Never empty.
    pub mix: Vec<(ReplyKind, f64)>,
}

impl Phase {
    /// In good health: credentials, 50 to 250 ms after they were asked for, new ones each time.
    pub fn healthy(from: Duration, ttl: Duration) -> Self {
        Self {
            from,
            ttl,
            latency: (Duration::from_millis(50), Duration::from_millis(250)),
            rotation: 1.0,
            mix: vec![(ReplyKind::Credentials, 1.0)],
        }
    }
}

/// The homeserver of one run.
#[derive(Debug)]
pub struct Homeserver<'a> {
    phases: &'a [Phase],
    rng: Rng,
    server: TurnServer,
    issued: u64,
}

impl<'a> Homeserver<'a> {
    /// A homeserver that goes through these phases; the first one begins at the start.
    pub fn new(phases: &'a [Phase], seed: u64) -> Self {
        Self { phases, rng: Rng::with_seed(seed), server: credentials(0), issued: 0 }
    }

    /// Answers a request that is sent at `at`: after how long, and what. `None`: never.
    pub fn ask(&mut self, at: Duration) -> Option<(Duration, Reply)> {
        let next = self.phases.partition_point(|phase| phase.from <= at);
        let phase = &self.phases[next.saturating_sub(1)];

        let total: f64 = phase.mix.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.rng.f64() * total;
        let kind = phase
            .mix
            .iter()
            .find(|(_, weight)| {
                drawn -= weight;
                drawn < 0.0
            })
            .unwrap_or(&phase.mix[0])
            .0;
        let (least, most) = phase.latency;
        let latency = least + (most - least).mul_f64(self.rng.f64());

        let credentials = match kind {
            ReplyKind::Hang => return None,
            ReplyKind::Credentials => {
                if self.rng.f64() < phase.rotation {
                    self.issued += 1;
                    self.server = credentials(self.issued);
                }
                Some((self.server.clone(), phase.ttl))
            }
            _ => None,
        };
        Some((latency, Reply { kind, credentials }))
    }
}

fn credentials(number: u64) -> TurnServer {
    TurnServer::new(vec!["turn:turn.example.org".to_owned()], format!("user-{number}"), "password")
}
