//! The request: ruma's endpoint, sent by matrix-sdk's HTTP client.

use matrix_sdk::{Client, HttpError, config::RequestConfig};
use zeroize::Zeroizing;

use crate::policy::RefreshPolicy;

/// Asks once, and returns the body of the response.
pub(super) async fn send(client: &Client) -> Result<Zeroizing<Vec<u8>>, HttpError> {
    let config = RequestConfig::new().disable_retry().timeout(RefreshPolicy::REQUEST_TIMEOUT);
    let response = client.send(endpoint::Request {}).with_request_config(config).await?;
    Ok(Zeroizing::new(response.body))
}

/// ruma's `get_turn_server_info`, with the body of the response left for us to read.
///
/// ruma's own response type cannot be: `{}`, which Synapse sends where no TURN server is configured
/// and which is an answer like any other, is an error to it, told apart from a broken answer by
/// nothing, and the SDK would log that error with the offending values in it.
mod endpoint {
    use matrix_sdk::ruma::api::{
        Metadata, client::voip::get_turn_server_info::v3, path_builder::SinglePath, request,
        response,
    };

    /// The newest stable path of ruma's endpoint. With ruma's own path builder, the SDK asks for
    /// the homeserver's versions first, and an error of that request would count as one of this.
    const PATH: &str = "/_matrix/client/v3/voip/turnServer";

    #[request]
    pub(super) struct Request {}

    impl Metadata for Request {
        const METHOD: http::Method = v3::Request::METHOD;
        const RATE_LIMITED: bool = v3::Request::RATE_LIMITED;
        type Authentication = <v3::Request as Metadata>::Authentication;
        type PathBuilder = SinglePath;
        const PATH_BUILDER: Self::PathBuilder = SinglePath::new(PATH);
    }

    #[response]
    pub(super) struct Response {
        #[ruma_api(raw_body)]
        pub(super) body: Vec<u8>,
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_path_is_the_newest_of_rumas_endpoint() {
            let newest = v3::Request::PATH_BUILDER.stable_paths().last().map(|(_, path)| path);
            assert_eq!(newest, Some(PATH));
        }
    }
}
