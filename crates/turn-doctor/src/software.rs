//! The homeserver's software, by what it says to other homeservers.

use std::time::Duration;

use matrix_sdk::reqwest;
use serde::Deserialize;
use turn_probe::Homeserver;
use url::Url;

use crate::http::{body, endpoint};

/// It is of no use if it comes late.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Version {
    server: Server,
}

#[derive(Deserialize)]
struct Server {
    name: String,
}

/// Asks a homeserver for its software: advice names the settings of that.
pub(crate) async fn of(homeserver: &Url) -> Homeserver {
    match name(homeserver).await {
        Some(name) => Homeserver::named(&name),
        None => Homeserver::Unknown,
    }
}

async fn name(homeserver: &Url) -> Option<String> {
    let url = endpoint(homeserver, "_matrix/federation/v1/version");
    let response = reqwest::Client::new().get(url).timeout(TIMEOUT).send().await.ok()?;
    serde_json::from_slice::<Version>(&body(response).await.ok()?)
        .ok()
        .map(|version| version.server.name)
}
