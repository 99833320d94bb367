//! Asks a TURN server for a relay, with credentials as a widget is sent them.

use matrix_sdk_turn::TurnServer;
use serde::Deserialize;
pub(crate) use turn_probe::{AllocateError, Relay};

/// What `update_turn_servers` carries, by MSC3846.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct TurnServers {
    pub(crate) uris: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: String,
}

/// Has the TURN server lend a relay, and gives it back.
pub(crate) async fn allocate(servers: &TurnServers) -> Result<Relay, AllocateError> {
    let TurnServers { uris, username, password } = servers.clone();
    turn_probe::allocate(&TurnServer::new(uris, username, password)).await
}
