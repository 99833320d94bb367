//! A secret that changes while credentials made with it are in use.

use std::time::Duration;

use anyhow::{bail, ensure};

use crate::relay::{AllocateError, allocate};
use crate::stage::Stage;

/// A request to a homeserver that answers, and an update, on a busy machine.
const REPLACEMENT_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn rejected_credentials_are_replaced(stage: &mut Stage) -> anyhow::Result<()> {
    let (host, widget) = stage.alice_with_widget().await?;
    let old = widget.watch().await?;
    allocate(&old).await?;

    stage.change_secret().await?;
    match allocate(&old).await {
        Err(AllocateError::Rejected { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(_relay) => bail!("coturn accepts credentials made with its old secret"),
    }
    ensure!(widget.held().await? == old, "the credentials were replaced without being reported");

    host.turn.report_rejected(&host.turn.get().await?);
    let new = widget.held_other_than(&old, REPLACEMENT_TIMEOUT).await?;
    allocate(&new).await?;
    Ok(())
}
