//! The homeserver's clock, by the `Date` of its answers.

use std::time::{Duration, SystemTime};

use matrix_sdk::reqwest::{self, header::DATE};
use url::Url;

/// It is of no use if it comes late.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What two clocks showed at the same moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// This machine's.
    pub(crate) ours: SystemTime,
    /// The homeserver's; `None` if it does not say.
    pub(crate) homeserver: Option<SystemTime>,
}

/// Asks the homeserver for the time, by way of something that it answers to everybody.
pub(crate) async fn compare(homeserver: &Url) -> Clocks {
    // It loads certificates, which is no part of the request.
    let client = reqwest::Client::new();
    let asked = SystemTime::now();
    let homeserver = date(&client, homeserver).await;
    // Halfway through the request, the answer was made.
    let ours = asked + asked.elapsed().unwrap_or_default() / 2;
    Clocks { ours, homeserver }
}

async fn date(client: &reqwest::Client, homeserver: &Url) -> Option<SystemTime> {
    let url = homeserver.join("/_matrix/client/versions").ok()?;
    let response = client.get(url).timeout(TIMEOUT).send().await.ok()?;
    let date = response.headers().get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}
