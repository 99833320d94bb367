//! What a client hands to a web view that is not Chromium.

use serde_json::json;

use crate::{stage::Stage, widget::Widget};

pub(crate) async fn firefox_gathers_relays_with_ice_servers(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let servers = stage.alice.turn_servers().await?;
    let host = stage.host(&stage.alice, |_| false).await?;
    let firefox = stage.start_firefox()?;
    let gathered = async {
        let page = Widget::open(&firefox, &host, "alice").await?;
        page.ensure_relays_with(json!(servers.ice_servers())).await
    };
    let gathered = gathered.await;
    let stopped = firefox.stop().await;
    gathered.and(stopped)
}
