//! Several lifetimes of credentials.

use std::time::Duration;

use anyhow::{bail, ensure};
use tokio::time::{Instant, interval};

use crate::relay::allocate;
use crate::stage::Stage;

const LIFETIME: Duration = super::HALF_A_MINUTE;

const OBSERVED: Duration = Duration::from_secs(95);

/// The schedule's least time between two successful requests.
const FLOOR: Duration = Duration::from_secs(10);

pub(crate) async fn a_widget_always_holds_credentials_that_coturn_accepts(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let (_host, widget) = stage.alice_with_widget().await?;
    let started = Instant::now();
    widget.watch().await?;

    let mut tries = 0;
    let mut failures = Vec::new();
    let mut every_second = interval(Duration::from_secs(1));
    while started.elapsed() < OBSERVED {
        every_second.tick().await;
        tries += 1;
        if let Err(error) = allocate(&widget.held().await?).await {
            failures.push(format!("after {:.1} s: {error}", started.elapsed().as_secs_f64()));
        }
    }
    if let Some(first) = failures.first() {
        bail!("{} of {tries} allocations failed, the first {first}", failures.len());
    }

    let observed = started.elapsed();
    let requests = stage.synapse.turn_server_requests()?;
    let updates: usize = widget.call("updates", &[]).await?;
    let (least, most) = requests_by_the_schedule(observed);
    stage.found(format!(
        "{tries} allocations in {:.0} s with a TTL of {LIFETIME:?}: no failure, {requests} \
         requests, {updates} updates",
        observed.as_secs_f64()
    ));
    ensure!(
        (least..=most).contains(&requests),
        "{requests} requests in {observed:?}, where the schedule allows {least} to {most}"
    );
    Ok(())
}

/// One at the start, the second between the floor and 0.7 of the TTL later, and then one at 2/3 of
/// the TTL ± 5% of it, each.
fn requests_by_the_schedule(observed: Duration) -> (usize, usize) {
    let requests = |second: Duration, period: Duration| {
        let after_second = observed.saturating_sub(second).as_secs_f64();
        2 + (after_second / period.as_secs_f64()) as usize
    };
    (
        requests(LIFETIME.mul_f64(0.7), LIFETIME.mul_f64(2.0 / 3.0 + 0.05)),
        requests(FLOOR, LIFETIME.mul_f64(2.0 / 3.0 - 0.05)),
    )
}
