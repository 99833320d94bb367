//! The homeserver's clock, by the `Date` of its answers.

use std::time::{Duration, SystemTime};

use matrix_sdk::reqwest::{
    self,
    header::{AGE, CACHE_CONTROL, DATE, HeaderMap, HeaderName},
};
use url::Url;

use crate::http::{client, endpoint};

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

/// Asks the homeserver for the time, by an endpoint that needs no login.
pub(crate) async fn compare(homeserver: &Url) -> Clocks {
    // It loads certificates, which is no part of the request.
    let client = client().ok();
    let asked = SystemTime::now();
    let homeserver = match client {
        Some(client) => date(&client, homeserver).await,
        None => None,
    };
    // Halfway through the request, the answer was made.
    let ours = asked + asked.elapsed().unwrap_or_default() / 2;
    Clocks { ours, homeserver }
}

async fn date(client: &reqwest::Client, homeserver: &Url) -> Option<SystemTime> {
    let url = endpoint(homeserver, "_matrix/client/versions");
    let request = client.get(url).header(CACHE_CONTROL, "no-cache").timeout(TIMEOUT);
    time_in(request.send().await.ok()?.headers())
}

/// When an answer was made. A cache may have kept it since its `Date`, and says so by its `Age`; without
/// a number there, nothing is known.
fn time_in(headers: &HeaderMap) -> Option<SystemTime> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let made = httpdate::parse_http_date(text(DATE)?).ok()?;
    let age = text(AGE).map_or(Ok(0), str::parse).ok()?;
    made.checked_add(Duration::from_secs(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_from_a_cache_is_no_clock_that_is_behind() {
        let mut headers = HeaderMap::new();
        assert_eq!(time_in(&headers), None);
        headers.insert(DATE, "Thu, 01 Jan 1970 00:00:10 GMT".parse().unwrap());
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(time_in(&headers), at(10));
        headers.insert(AGE, "3600".parse().unwrap());
        assert_eq!(time_in(&headers), at(3610));
        headers.insert(AGE, "old".parse().unwrap());
        assert_eq!(time_in(&headers), None);
    }
}
