//! A homeserver without a TURN server.

use anyhow::ensure;

use crate::stage::Stage;

pub(crate) async fn a_widget_is_told_that_there_is_no_turn_server(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let (_host, widget) = stage.alice_with_widget().await?;

    let rejection = widget.rejection_of_watch().await?;
    ensure!(rejection.contains("no TURN server"), "it is told: {rejection}");
    stage.found(format!("a widget is told: {rejection}"));

    widget.send_and_read_event("still here").await?;
    let again = widget.rejection_of_watch().await?;
    ensure!(again.contains("no TURN server"), "it is told the second time: {again}");
    let requests = stage.synapse.turn_server_requests()?;
    ensure!(requests == 1, "Synapse was asked for credentials {requests} times");
    Ok(())
}
