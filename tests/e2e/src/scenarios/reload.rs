//! Pages and widgets that are loaded again in the middle of a call.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::Instant;

use crate::relay::TurnServers;
use crate::{host::Host, stage::Stage, widget::Widget};

/// "At once" means from what is held, and the proof is that no request is made. This leaves time to
/// a busy machine.
const AT_ONCE: Duration = Duration::from_secs(10);

/// The client closes the old page's driver, and makes a new one for the new page.
pub(crate) async fn a_page_that_reloads_gets_credentials_at_once(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let (_hosts, alice, bob) = in_a_call(stage).await?;
    let held = alice.held().await?;

    alice.page().reload().await?;
    alice.negotiate().await?;
    ensure_credentials_at_once(stage, &alice, &held, "page").await?;
    alice.connect(&bob).await
}

/// The driver stays, and sees the widget load again. The SDK negotiates once, so the widget goes on
/// with what it was granted.
pub(crate) async fn a_widget_that_reloads_in_its_page_gets_credentials_at_once(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let (_hosts, alice, bob) = in_a_call(stage).await?;
    let held = alice.held().await?;

    alice.page().reload_widget().await?;
    let () = alice.call("load", &[serde_json::json!([])]).await?;
    ensure_credentials_at_once(stage, &alice, &held, "widget").await?;
    alice.connect(&bob).await
}

async fn in_a_call(stage: &Stage) -> anyhow::Result<([Host; 2], Widget, Widget)> {
    let alice_host = stage.host(&stage.alice, |_| true).await?;
    let bob_host = stage.host(&stage.bob, |_| true).await?;
    let alice = Widget::start(&stage.browser, &alice_host, "alice").await?;
    let bob = Widget::start(&stage.browser, &bob_host, "bob").await?;
    alice.watch().await?;
    bob.watch().await?;
    alice.connect(&bob).await?;
    Ok(([alice_host, bob_host], alice, bob))
}

async fn ensure_credentials_at_once(
    stage: &mut Stage,
    widget: &Widget,
    held: &TurnServers,
    what: &str,
) -> anyhow::Result<()> {
    let requests = stage.synapse.turn_server_requests()?;
    let started = Instant::now();
    let servers = widget.watch().await?;
    let took = started.elapsed();
    stage.found(format!("the new {what} held credentials {took:.1?} after it asked for them"));
    ensure!(took < AT_ONCE, "it took {took:?}");
    ensure!(&servers == held, "these are other credentials than the old {what}'s");
    ensure!(
        stage.synapse.turn_server_requests()? == requests,
        "Synapse was asked for credentials that are held"
    );
    Ok(())
}
