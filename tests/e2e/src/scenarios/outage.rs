//! A homeserver that is away for longer than the credentials hold.

use std::time::Duration;

use anyhow::ensure;
use matrix_sdk_turn::{Timestamp, TurnState};
use tokio::time::Instant;

use crate::relay::{AllocateError, allocate};
use crate::{stage::Stage, wait::until};

/// The schedule's longest wait while there are no credentials, 10 s, and a request: with time to spare
/// for a busy machine. What it took is among the findings.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(25);

/// coturn's clock counts whole seconds.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) async fn a_widget_recovers_once_the_homeserver_is_back(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let (host, widget) = stage.alice_with_widget().await?;
    let first = widget.watch().await?;
    allocate(&first).await?;

    stage.synapse.stop().await?;
    let old = widget.held().await?;
    let server = host.turn.get().await?;
    let left = server.valid_for(Timestamp::now()).unwrap_or_default();
    until("the credentials expire", left + GRACE, async || {
        Ok(server.is_expired(Timestamp::now()).then_some(()))
    })
    .await?;
    until("coturn refuses the credentials", GRACE, async || match allocate(&old).await {
        Ok(_relay) => Ok(None),
        Err(AllocateError::Rejected { .. }) => Ok(Some(())),
        Err(error) => Err(error.into()),
    })
    .await?;
    let withdrawn = matches!(host.turn.subscribe().next().await, Some(TurnState::Unavailable(_)));
    ensure!(withdrawn, "the library still hands out what coturn refuses");
    ensure!(widget.held().await? == old, "the widget was given something without a homeserver");

    let started = Instant::now();
    stage.synapse.start_again().await?;
    let start = started.elapsed();
    let answering = Instant::now();
    let new = widget.held_other_than(&old, RECOVERY_TIMEOUT).await?;
    let recovery = answering.elapsed();
    allocate(&new).await?;

    stage.found(format!(
        "Synapse took {:.1} s to start; the widget held credentials {:.1} s after its first answer",
        start.as_secs_f64(),
        recovery.as_secs_f64()
    ));
    Ok(())
}
