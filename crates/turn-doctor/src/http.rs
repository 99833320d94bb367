//! What this program asks a homeserver by itself, past the SDK.

use anyhow::{anyhow, bail};
use matrix_sdk::reqwest::{Client, Response, redirect};
use url::Url;

/// The longest body that is read. The answers have some hundred bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A client that follows no redirect, so that a homeserver does not decide what else is asked.
pub(crate) fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().redirect(redirect::Policy::none()).build()?)
}

/// An endpoint of a homeserver, whose URL may have a path before it.
pub(crate) fn endpoint(homeserver: &Url, path: &str) -> Url {
    let mut url = homeserver.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Fails only for URLs such as `mailto:`, to which nothing is sent.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    url
}

/// Reads the body of a response, and no more of it than an answer has.
pub(crate) async fn body(mut response: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| anyhow!("its answer broke off"))? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            bail!("its answer is longer than {} KiB", MAX_BODY_BYTES / 1024);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_homeservers_own_stays() {
        let endpoint = |base: &str| {
            let base = Url::parse(base).unwrap();
            endpoint(&base, "_matrix/client/versions").to_string()
        };
        assert_eq!(endpoint("https://a/hs"), "https://a/hs/_matrix/client/versions");
        assert_eq!(endpoint("https://a/hs/"), "https://a/hs/_matrix/client/versions");
        assert_eq!(endpoint("https://a/?q#f"), "https://a/_matrix/client/versions");
    }
}
