//! A widget that cannot make up its mind.

use anyhow::ensure;
use serde_json::json;
use tokio::time::Instant;

use crate::stage::Stage;

const TIMES: u32 = 500;

pub(crate) async fn many_watches_cost_the_homeserver_one_request(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let (_host, widget) = stage.alice_with_widget().await?;

    let started = Instant::now();
    let () = widget.call("watchAndUnwatch", &[json!(TIMES)]).await?;
    let took = started.elapsed();

    let updates: u32 = widget.call("updates", &[]).await?;
    ensure!(updates == TIMES, "{TIMES} watches gave {updates} updates");
    let requests = stage.synapse.turn_server_requests()?;
    ensure!(requests == 1, "Synapse was asked for credentials {requests} times");
    stage.found(format!("{TIMES} watches and unwatches in {:.1} s, 1 request", took.as_secs_f64()));
    Ok(())
}
