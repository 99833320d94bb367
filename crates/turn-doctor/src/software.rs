//! The homeserver's software, by what it says to other homeservers, or by the `Server` of its answers: not all
//! homeservers federate, and Synapse names itself in both.

use std::time::Duration;

use matrix_sdk::reqwest::header::SERVER;
use serde::Deserialize;
use turn_probe::Homeserver;
use url::Url;

use crate::http::{body, client, endpoint};

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
    let response = client().ok()?.get(url).timeout(TIMEOUT).send().await.ok()?;
    let header = response.headers().get(SERVER).and_then(|server| server.to_str().ok());
    let product = header.and_then(|server| server.split('/').next()).map(str::to_owned);
    let version = body(response).await.ok();
    match version.and_then(|body| serde_json::from_slice::<Version>(&body).ok()) {
        Some(version) => Some(version.server.name),
        None => product,
    }
}
