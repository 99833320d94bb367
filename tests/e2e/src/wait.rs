//! Waiting for what has to happen, and no longer than that.

use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, interval, timeout_at};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until there is a result, and fails with what did not happen if there is none in time.
pub(crate) async fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let mut looks = interval(LOOK_EVERY);
    let found = async {
        loop {
            looks.tick().await;
            if let Some(result) = look().await? {
                return anyhow::Ok(result);
            }
        }
    };
    timeout_at(Instant::now() + within, found)
        .await
        .with_context(|| format!("this did not happen within {within:?}: {what}"))?
}
