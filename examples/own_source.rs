//! A client whose TURN credentials do not come from the homeserver: it brings a `TurnServerSource` of its
//! own.
//!
//! ```sh
//! cargo run --package examples --example own_source
//! ```
//!
//! A source asks once, and says what came of it. When to ask again, how long to wait after a failure, and
//! who is told is the service's business, as it is with the homeserver's credentials. So a source has no
//! loop, no timer and no retry.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use examples::{describe, say};
use matrix_sdk_turn::{
    Answer, TurnServer, TurnServerSource, TurnService, TurnState, Unavailable, UnavailableReason,
    async_trait,
};
use tokio::time::{sleep, timeout};
use turn_embedded::{EmbeddedTurnServer, SharedSecret};
use turn_probe::allocate;

/// Short, so that there is something to see within half a minute.
const TTL: Duration = Duration::from_secs(20);

/// The schedule allows for more than this nowhere below.
const PATIENCE: Duration = Duration::from_secs(30);

/// A company's service for TURN credentials. What would be a request over HTTP is a function call here.
struct Company {
    secret: SharedSecret,
    uris: Vec<String>,
    is_down: AtomicBool,
}

/// Asks the company. It must have a `Debug`, which the service's own shows: no secret may be in it.
#[derive(Clone)]
struct CompanySource(Arc<Company>);

impl std::fmt::Debug for CompanySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompanySource").field("uris", &self.0.uris).finish_non_exhaustive()
    }
}

#[async_trait]
impl TurnServerSource for CompanySource {
    /// May be dropped at any await: a request that takes longer than 8 s is given up.
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        let Self(company) = self;
        if company.is_down.load(Ordering::Relaxed) {
            say("the company is asked, and does not answer");
            // The reason decides when the service asks again. What may end by itself is `Unreachable`,
            // or `RateLimited` with the time that the server named: asked again within a minute. "There
            // is no TURN server" is `NotConfigured`: asked again in an hour.
            return Err(Unavailable::new(UnavailableReason::Unreachable)
                .with_detail("the company's service is down"));
        }
        say("the company is asked, and answers");
        let (username, password) = company.secret.issue("carol", TTL, SystemTime::now());
        // It checks the credentials: nobody is handed what makes a transport throw.
        Answer::new(TurnServer::new(company.uris.clone(), username, password), TTL)
    }

    // `session_event` keeps its default: there is no session that could end. The app says so itself, by
    // `TurnService::end_session`.
}

#[tokio::main]
async fn main() -> Result<()> {
    let secret = SharedSecret::random();
    let turn_server = EmbeddedTurnServer::start(secret.clone()).await?;
    let uris = turn_server.uris();
    let company = Arc::new(Company { secret, uris, is_down: AtomicBool::new(true) });

    let turn = TurnService::builder(CompanySource(company.clone())).build();
    say(format_args!("made {turn:?}"));
    let outcome = follow(&turn, &company).await;
    turn.end_session();
    turn_server.stop().await;
    outcome
}

async fn follow(turn: &TurnService, company: &Company) -> Result<()> {
    let mut states = turn.subscribe();
    let state = timeout(PATIENCE, states.next()).await?.context("the session has just begun")?;
    if let TurnState::Unavailable(why) = &state {
        say(format_args!("none yet: {why}"));
    }
    sleep(Duration::from_secs(3)).await;
    say("the company's service comes back");
    company.is_down.store(false, Ordering::Relaxed);

    // The first credentials, and those that replace them at 2/3 of the TTL.
    for _ in 0..2 {
        let state = timeout(PATIENCE, states.next()).await?.context("the session goes on")?;
        let server = state.available().context("the company answers now")?;
        let relay = allocate(server).await?;
        say(format_args!("{}; the TURN server lends {}", describe(server), relay.address));
    }
    say(serde_json::to_string(&turn.status())?);
    Ok(())
}
