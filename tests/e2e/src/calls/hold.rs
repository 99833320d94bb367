//! Holds a call for a time, with or without the credentials that come in meanwhile.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::Report;

/// How often there may be new credentials.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A call that has begun.
pub(crate) trait Call {
    /// When the first message was sent.
    fn began(&self) -> Instant;

    /// Whether either end has credentials that it does not use yet.
    async fn has_news(&mut self) -> Result<bool>;

    /// Has both ends use their newest credentials.
    async fn renew(&mut self) -> Result<()>;

    /// What both ends saw so far.
    async fn reports(&self) -> Result<[Report; 2]>;

    /// Sends nothing more.
    async fn stop_sending(&self) -> Result<()>;

    /// Hangs up.
    async fn hang_up(self) -> Result<()>;
}

/// How a call went.
pub(crate) struct Held {
    pub(crate) reports: [Report; 2],
    /// When it was given new credentials: from when to when, in seconds since it began.
    pub(crate) renewals: Vec<(f64, f64)>,
    /// When the first attempt to do so failed, and why.
    pub(crate) failure: Option<String>,
}

/// Holds a call, and waits for what is under way at the end.
pub(crate) async fn hold<C: Call>(
    mut call: C,
    renews: bool,
    lasting: Duration,
    for_the_rest: Duration,
) -> Result<Held> {
    let began = call.began();
    let ends = Instant::now() + lasting;
    let (mut renewals, mut failure) = (Vec::new(), None);
    while Instant::now() < ends {
        sleep(LOOK_EVERY).await;
        if !renews || failure.is_some() || !call.has_news().await? {
            continue;
        }
        let started = began.elapsed().as_secs_f64();
        let outcome = call.renew().await;
        let ended = began.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => renewals.push((started, ended)),
            Err(error) => failure = Some(format!("at {ended:.0} s: {error:#}")),
        }
    }
    // What it takes for the last messages to arrive is no gap in the flow.
    let mut reports = call.reports().await?;
    call.stop_sending().await?;
    for (report, last) in reports.iter_mut().zip(wait_for_the_rest(&call, for_the_rest).await?) {
        (report.sent, report.received, report.missing) = (last.sent, last.received, last.missing);
    }
    call.hang_up().await?;
    Ok(Held { reports, renewals, failure })
}

/// Waits until both ends have what the other one sent, or until that has taken too long.
async fn wait_for_the_rest(call: &impl Call, within: Duration) -> Result<[Report; 2]> {
    let stopped = Instant::now();
    loop {
        let [alice, bob] = call.reports().await?;
        let has_arrived = alice.received == bob.sent && bob.received == alice.sent;
        if has_arrived || stopped.elapsed() > within {
            return Ok([alice, bob]);
        }
        sleep(LOOK_EVERY).await;
    }
}
