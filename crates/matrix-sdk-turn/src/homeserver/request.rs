//! The request: ruma's endpoint, sent by matrix-sdk's HTTP client.

use matrix_sdk::{Client, HttpError, config::RequestConfig};
use zeroize::Zeroizing;

use crate::policy::RefreshPolicy;

/// Asks once, and returns the body of the response.
pub(super) async fn send(client: &Client) -> Result<Zeroizing<Vec<u8>>, HttpError> {
    let config = RequestConfig::new().disable_retry().timeout(RefreshPolicy::REQUEST_TIMEOUT);
    if !matches!(client.supported_versions_cached().await, Ok(Some(_))) {
        // The SDK has to know them to find the endpoint, and would ask for them with its own
        // retries.
        client.fetch_server_versions(Some(config)).await?;
    }
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
        Metadata, client::voip::get_turn_server_info::v3, request, response,
    };

    #[request]
    pub(super) struct Request {}

    impl Metadata for Request {
        const METHOD: http::Method = v3::Request::METHOD;
        const RATE_LIMITED: bool = v3::Request::RATE_LIMITED;
        type Authentication = <v3::Request as Metadata>::Authentication;
        type PathBuilder = <v3::Request as Metadata>::PathBuilder;
        const PATH_BUILDER: Self::PathBuilder = v3::Request::PATH_BUILDER;
    }

    #[response]
    pub(super) struct Response {
        #[ruma_api(raw_body)]
        pub(super) body: Vec<u8>,
    }
}
