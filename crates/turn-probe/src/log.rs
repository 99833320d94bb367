//! Where steps are noted as they end.

use std::{future::Future, net::SocketAddr, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use matrix_sdk_turn::IceUri;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{
    budget::Budget,
    failure::{Failure, Stranger},
    session::ServerName,
    step::{Found, Outcome, Skipped, Step, StepKind},
};

/// Notes the steps of one URI, or of one of its addresses.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) uri: IceUri,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) server_name: ServerName,
    steps: mpsc::Sender<Step>,
    started: Instant,
    limit: Duration,
    pub(crate) budget: Budget,
}

impl Log {
    pub(crate) fn new(
        uri: IceUri,
        steps: mpsc::Sender<Step>,
        started: Instant,
        limit: Duration,
        budget: Budget,
    ) -> Self {
        let server_name = ServerName::default();
        Self { uri, address: None, server_name, steps, started, limit, budget }
    }

    /// Notes nothing.
    pub(crate) fn silent(uri: IceUri, limit: Duration) -> Self {
        let (closed, _) = mpsc::channel(1);
        Self::new(uri, closed, Instant::now(), limit, Budget::new(Duration::MAX))
    }

    /// The same, of one address.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { address: Some(address), server_name: ServerName::default(), ..self.clone() }
    }

    /// How long a step may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Takes a step, notes what came of it, and returns what it made.
    pub(crate) async fn step<T>(
        &self,
        kind: StepKind,
        work: impl Future<Output = Result<(T, Found), Failure>>,
    ) -> Result<T, Failure> {
        self.examined_step(kind, work, std::future::ready).await
    }

    /// The same, with so much time for each step.
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Takes a step with a look at a failure before it is noted, which has a time limit of its own.
    pub(crate) async fn examined_step<T, E: Future<Output = Failure>>(
        &self,
        kind: StepKind,
        work: impl Future<Output = Result<(T, Found), Failure>>,
        examine: impl FnOnce(Failure) -> E,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let left = self.budget.left(kind);
        let limit = self.limit.min(left);
        // A library that panics on what a server sent must not take the app down.
        let contained = AssertUnwindSafe(work).catch_unwind();
        let outcome = match timeout(limit, contained).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => Err(Failure::NotStun(Stranger::Unknown)),
            Err(_elapsed) if limit < self.limit => {
                self.skip(kind, Skipped::OutOfTime).await;
                return Err(Failure::Timeout(limit));
            }
            Err(_elapsed) => Err(Failure::Timeout(limit)),
        };
        let took = began.elapsed();
        match outcome {
            Ok((made, found)) => {
                self.note(kind, found, began, took).await;
                Ok(made)
            }
            Err(failure) => {
                let examined = timeout(self.budget.left(kind), examine(failure.clone())).await;
                let failure = examined.unwrap_or(failure);
                self.note(kind, failure.clone(), began, took).await;
                Err(failure)
            }
        }
    }

    /// Notes what is not tried.
    pub(crate) async fn skip(&self, kind: StepKind, why: Skipped) {
        self.note(kind, why, Instant::now(), Duration::ZERO).await;
    }

    async fn note(
        &self,
        kind: StepKind,
        outcome: impl Into<Outcome>,
        began: Instant,
        took: Duration,
    ) {
        let began = began.saturating_duration_since(self.started);
        let server_name = self.server_name.get().cloned();
        let step = Step {
            began,
            took,
            server_name,
            ..Step::new(self.uri.clone(), self.address, kind, outcome)
        };
        // Fails only once the receiver is gone, and then this is about to be dropped.
        let _ = self.steps.send(step).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_step_is_its_failure() {
        let log = Log::silent("turn:a".parse().unwrap(), Duration::from_secs(5));
        let panicking = async { panic!("this panic is a part of the test") };
        let outcome = log.step::<()>(StepKind::Tls, panicking).await;
        assert_eq!(outcome, Err(Failure::NotStun(Stranger::Unknown)));
    }
}
