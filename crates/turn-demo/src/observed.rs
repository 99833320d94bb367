//! The homeserver as a source of TURN credentials, with a line in the report for every answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use matrix_sdk::Client;
use matrix_sdk_turn::{Answer, HomeserverSource, TurnServerSource, Unavailable};

use crate::report::{Report, Speaker};

/// A [`HomeserverSource`] that reports every answer.
#[derive(Debug)]
pub(crate) struct ObservedSource {
    source: HomeserverSource,
    report: Report,
    requests: Arc<AtomicU32>,
}

impl ObservedSource {
    pub(crate) fn new(client: &Client, report: &Report) -> Self {
        let source = HomeserverSource::new(client);
        Self { source, report: report.clone(), requests: Arc::default() }
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
        let took = sent.elapsed().as_secs_f64() * 1000.0;
        let outcome = match &answer {
            Ok(_) => "credentials".to_owned(),
            Err(unavailable) => unavailable.to_string(),
        };
        self.report.line(
            Speaker::Homeserver,
            format_args!("answer {number} after {took:.1} ms: {outcome}"),
        );
        answer
    }
}
