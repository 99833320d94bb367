//! The stream side: what a client's own transport does with the credentials.

use matrix_sdk_turn::TurnService;

use crate::{scenarios::transport::peers_exchange_data, stage::Stage};

pub(crate) async fn two_rust_peers_exchange_data_that_only_coturn_carries(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let [alice, bob] = [&stage.alice, &stage.bob].map(|user| TurnService::new(&user.client));
    let relays = peers_exchange_data(&alice, &bob).await?;
    relays.ensure_lent_by(&stage.coturn.log()?)?;
    stage.found(format!("webrtc-rs went from {} to {}", relays.alice, relays.bob));
    Ok(())
}
