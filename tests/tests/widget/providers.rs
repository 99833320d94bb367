//! What may be passed to `run` to decide: a provider of the SDK's in a wrapper that says what becomes
//! of TURN, one of ours, or a pointer to one.

use std::sync::Arc;

use matrix_sdk::widget::{Capabilities, CapabilitiesProvider};
use matrix_sdk_turn::{
    DenyTurnServers, GrantTurnServers, TurnCapabilitiesProvider, TurnServerCapability,
};
use serde_json::{Value, json};
use tests::widget::{Hosted, PlainProvider, Provider, TURN, settings};

/// The capabilities that `provider` approves of TURN and another.
async fn approved(provider: impl TurnCapabilitiesProvider) -> Value {
    let mut hosted = Hosted::start(provider).await;
    let notify = hosted.widget.negotiate(&["io.element.requires_client", TURN]).await;
    notify["data"]["approved"].clone()
}

fn all() -> Value {
    json!(["io.element.requires_client", TURN])
}

#[tokio::test]
async fn w04_a_plain_provider_grants_turn_if_the_client_says_so() {
    assert_eq!(approved(GrantTurnServers(PlainProvider)).await, all());
}

#[tokio::test]
async fn w04_a_plain_provider_denies_turn_if_the_client_says_so() {
    let approved = approved(DenyTurnServers(PlainProvider)).await;
    assert_eq!(approved, json!(["io.element.requires_client"]));
}

#[tokio::test]
async fn w04_a_provider_may_be_shared() {
    assert_eq!(approved(Arc::new(Provider::Grant)).await, all());
    assert_eq!(approved(Box::new(Provider::Grant)).await, all());
}

#[tokio::test]
async fn w04_a_provider_may_be_one_that_is_known_at_run_time() {
    let shared: Arc<dyn TurnCapabilitiesProvider> = Arc::new(Provider::Grant);
    assert_eq!(approved(shared).await, all());
    let boxed: Box<dyn TurnCapabilitiesProvider> = Box::new(GrantTurnServers(PlainProvider));
    assert_eq!(approved(boxed).await, all());
}

/// A client's own provider, as it is before it adds this crate.
struct ExistingProvider;

impl CapabilitiesProvider for ExistingProvider {
    async fn acquire_capabilities(&self, requested: Capabilities) -> Capabilities {
        requested
    }
}

#[tokio::test]
async fn an_existing_clients_code_compiles_with_the_two_types_swapped() {
    let hosted = Hosted::start(Provider::Grant).await;
    let (driver, handle) = TurnServerCapability::new(hosted.turn.clone()).widget_driver(settings());
    let provider = GrantTurnServers(ExistingProvider);
    let running = tokio::spawn(driver.run(hosted.room.clone(), provider));

    // As with matrix-sdk 0.18.
    let sent: bool = handle.send("not JSON".to_owned()).await;
    assert!(sent);
    // As with matrix-sdk 0.19.
    handle.send("not JSON".to_owned());
    if !handle.send("not JSON".to_owned()) {
        panic!("the driver is running");
    }
    running.abort();
}
