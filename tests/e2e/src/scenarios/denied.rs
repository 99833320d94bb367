//! A widget that the client does not grant TURN servers.

use anyhow::ensure;

use crate::{stage::Stage, widget::Widget};

pub(crate) async fn a_widget_that_is_denied_turn_causes_no_request(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let host = stage.host(&stage.alice, |_| false).await?;
    let widget = Widget::start(&stage.browser, &host, "alice").await?;

    let rejection = widget.rejection_of_watch().await?;
    ensure!(rejection.contains("Not allowed"), "it is told: {rejection}");
    stage.found(format!("a widget that was denied is told: {rejection}"));

    // What is granted works, and Synapse has logged what came before it.
    widget.send_and_read_event("still here").await?;
    let requests = stage.synapse.turn_server_requests()?;
    ensure!(requests == 0, "Synapse was asked for credentials {requests} times");
    Ok(())
}
