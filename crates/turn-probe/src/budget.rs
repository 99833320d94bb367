//! The time that a probe may take.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::Instant;

use crate::step::StepKind;

/// This part of the time is left for giving relays back.
const GIVING_BACK: u32 = 15;

/// The time that a probe may take, counted from its first connection.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    total: Duration,
    end: Arc<OnceLock<Instant>>,
}

impl Budget {
    pub(crate) fn new(total: Duration) -> Self {
        Self { total, end: Arc::default() }
    }

    /// Counts from now on, unless it does already.
    pub(crate) fn begin(&self) {
        self.end.get_or_init(|| Instant::now() + self.total);
    }

    /// What is left for a step of this kind.
    pub(crate) fn left(&self, kind: StepKind) -> Duration {
        let left = match self.end.get() {
            Some(end) => end.saturating_duration_since(Instant::now()),
            None => self.total,
        };
        match kind {
            StepKind::Refresh => left,
            _ => left.saturating_sub(self.total / GIVING_BACK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_counts_from_the_first_connection_and_some_is_kept_for_giving_back() {
        let budget = Budget::new(Duration::from_secs(15));
        tokio::time::advance(Duration::from_secs(20)).await;
        budget.begin();
        tokio::time::advance(Duration::from_secs(10)).await;
        budget.begin();
        assert_eq!(budget.left(StepKind::Relay), Duration::from_secs(4));
        assert_eq!(budget.left(StepKind::Refresh), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(budget.left(StepKind::Refresh), Duration::ZERO);
    }
}
