//! The homeserver as a source: matrix-sdk's HTTP client and ruma's endpoint.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use matrix_sdk::{
    Client, HttpError, RefreshTokenError,
    authentication::oauth::{
        OAuthError,
        error::{BasicErrorResponseType, RequestTokenError},
    },
    config::RequestConfig,
    ruma::api::{
        client::voip::get_turn_server_info::v3,
        error::{Error as RumaError, ErrorBody, ErrorKind, RetryAfter, StandardErrorBody},
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{sync::Mutex, task::JoinHandle, time::timeout};
use zeroize::Zeroizing;

use crate::{
    credentials::TurnServer,
    policy::RefreshPolicy,
    source::{Answer, TurnServerSource},
    unavailable::{MatrixError, Unavailable, UnavailableReason},
};

/// How long one request may take, however long the policy lets a source take.
const REQUEST_TIMEOUT: Duration = RefreshPolicy::REQUEST_TIMEOUT;

/// The largest answer that is looked at. A real one has a few hundred bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// The largest error response that is passed on whole to a widget.
const MAX_ERROR_RESPONSE_BYTES: usize = 4 * 1024;

/// The homeserver's own TURN credentials:
/// [`GET /_matrix/client/v3/voip/turnServer`](https://spec.matrix.org/latest/client-server-api/#get_matrixclientv3voipturnserver).
///
/// One request is one attempt, of at most 8 s: the SDK's retries are switched off, since when to
/// ask again is [`TurnService`](crate::TurnService)'s to decide. Access tokens are refreshed by the
/// SDK as for any other request.
///
/// # Panics
///
/// [`fetch`](TurnServerSource::fetch) panics outside of a tokio runtime, like [`tokio::spawn`].
pub struct HomeserverSource {
    client: Client,
    asking: Mutex<Option<Asking>>,
}

type Asking = JoinHandle<Result<Answer, Unavailable>>;

impl HomeserverSource {
    /// The homeserver that `client` is logged in to.
    pub fn new(client: &Client) -> Self {
        Self { client: client.clone(), asking: Mutex::default() }
    }
}

impl fmt::Debug for HomeserverSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeserverSource").field("client", &self.client).finish_non_exhaustive()
    }
}

#[async_trait]
impl TurnServerSource for HomeserverSource {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        let answer = timeout(REQUEST_TIMEOUT, async {
            let mut asking = self.asking.lock().await;
            if let Some(abandoned) = asking.as_mut() {
                // Its answer belongs to a request sent long ago.
                let _ = abandoned.await;
            }
            // A task of its own: a caller that stops waiting must not stop the SDK halfway through
            // refreshing the access token, which could log the user out.
            let answer = asking.insert(tokio::spawn(ask(self.client.clone()))).await;
            *asking = None;
            answer
        });

        match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failed)) => {
                Err(unreachable(format!("asking it ended without an answer: {failed}")))
            }
            Err(_elapsed) => Err(unreachable(format!("no answer within {REQUEST_TIMEOUT:?}"))),
        }
    }
}

async fn ask(client: Client) -> Result<Answer, Unavailable> {
    match send(client).await {
        Ok(body) => interpret(&body),
        Err(error) => Err(classify(&error)),
    }
}

async fn send(client: Client) -> Result<Zeroizing<Vec<u8>>, HttpError> {
    let config = RequestConfig::new().disable_retry().timeout(REQUEST_TIMEOUT);
    if !matches!(client.supported_versions_cached().await, Ok(Some(_))) {
        // The SDK has to know them to find the endpoint, and would ask for them with its own
        // retries.
        client.fetch_server_versions(Some(config)).await?;
    }
    let response = client.send(endpoint::Request {}).with_request_config(config).await?;
    Ok(Zeroizing::new(response.body))
}

fn unreachable(detail: impl AsRef<str>) -> Unavailable {
    Unavailable::new(UnavailableReason::Unreachable).with_detail(detail)
}

/// What the body of a successful response means.
fn interpret(body: &[u8]) -> Result<Answer, Unavailable> {
    if body.len() > MAX_RESPONSE_BYTES {
        let size = body.len();
        return Err(unreachable(format!(
            "it answered {size} bytes, where at most {MAX_RESPONSE_BYTES} are looked at"
        )));
    }
    let malformed =
        || unreachable("its answer has not the shape of one: uris, username, password and ttl");

    let fields: Fields<'_> = serde_json::from_slice(body).map_err(|_| malformed())?;
    let has_no_uris =
        fields.get("uris").is_some_and(|uris| serde_json::from_str::<[(); 0]>(uris.get()).is_ok());
    if fields.is_empty() || has_no_uris {
        return Err(Unavailable::new(UnavailableReason::NotConfigured));
    }
    let info = credentials(&fields).ok_or_else(malformed)?;
    Answer::new(TurnServer::new(info.uris, info.username, info.password), info.ttl)
}

/// The fields of an answer. They borrow from it, so that there is no other copy to be wiped.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// ruma's response type, for an answer that has its shape.
///
/// Not by ruma's own parser, which takes no `ttl` beyond 2^53 - 1.
fn credentials(fields: &Fields<'_>) -> Option<v3::Response> {
    fn field<'a, T: Deserialize<'a>>(fields: &Fields<'a>, name: &str) -> Option<T> {
        serde_json::from_str(fields.get(name)?.get()).ok()
    }

    Some(v3::Response::new(
        field(fields, "username")?,
        field(fields, "password")?,
        field(fields, "uris")?,
        Duration::from_secs(field(fields, "ttl")?),
    ))
}

/// What an error of the SDK's means.
fn classify(error: &HttpError) -> Unavailable {
    match error {
        HttpError::Cached(error) => classify(error),
        HttpError::RefreshToken(error) => classify_token_refresh(error),
        HttpError::Reqwest(error) => unreachable(describe_transport_error(error)),
        HttpError::Api(_) => match error.as_client_api_error() {
            Some(error) => classify_response(error),
            None if error.as_uiaa_response().is_some() => {
                Unavailable::new(UnavailableReason::LoggedOut)
            }
            None => unreachable("its answer is not one of the Matrix API's"),
        },
        _ => unreachable("the request could not be made"),
    }
}

/// A request is not made with a token that is known to be invalid. Whether the session is over is
/// for the endpoint that refreshes tokens to say.
fn classify_token_refresh(error: &RefreshTokenError) -> Unavailable {
    let logged_out = match error {
        RefreshTokenError::RefreshTokenRequired => true,
        RefreshTokenError::MatrixAuth(error) => error
            .as_client_api_error()
            .is_some_and(|error| matches!(error.status_code.as_u16(), 401 | 403)),
        RefreshTokenError::OAuth(error) => matches!(
            &**error,
            OAuthError::RefreshToken(RequestTokenError::ServerResponse(response))
                if *response.error() == BasicErrorResponseType::InvalidGrant
        ),
    };

    if logged_out {
        Unavailable::new(UnavailableReason::LoggedOut)
    } else {
        unreachable("the access token has expired and could not be refreshed")
    }
}

fn classify_response(error: &RumaError) -> Unavailable {
    let kind = error.error_kind();
    let status = error.status_code.as_u16();
    let retry_after = match kind {
        Some(ErrorKind::LimitExceeded(limit)) => limit.retry_after.as_ref().map(delay),
        _ => None,
    };

    let reason = match (status, kind) {
        (429, _) | (_, Some(ErrorKind::LimitExceeded(_))) => UnavailableReason::RateLimited,
        (404 | 405, _) | (_, Some(ErrorKind::Unrecognized)) => UnavailableReason::NotConfigured,
        (401, _) => UnavailableReason::LoggedOut,
        (403, _) => UnavailableReason::Forbidden,
        _ => UnavailableReason::Unreachable,
    };

    let unavailable = Unavailable::new(reason).with_retry_after(retry_after);
    match &error.body {
        ErrorBody::Standard(body) => unavailable.with_matrix_error(matrix_error(status, body)),
        _ => unavailable.with_detail(format!("HTTP status {status}, without a Matrix error")),
    }
}

fn delay(retry_after: &RetryAfter) -> Duration {
    match retry_after {
        RetryAfter::Delay(delay) => *delay,
        RetryAfter::DateTime(at) => at.duration_since(SystemTime::now()).unwrap_or_default(),
    }
}

fn matrix_error(status: u16, body: &StandardErrorBody) -> MatrixError {
    let error = MatrixError::new(status, body.kind.errcode().as_str(), &body.message);
    match serde_json::to_value(body) {
        Ok(response) if response.to_string().len() <= MAX_ERROR_RESPONSE_BYTES => {
            error.with_response(response)
        }
        _ => error,
    }
}

/// What went wrong on the way, without the URL: a redirect may have put anything into it.
fn describe_transport_error(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.is::<std::io::Error>() {
        innermost.to_string()
    } else {
        "the connection failed, timed out, or was redirected too often".to_owned()
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(body: &[u8]) -> UnavailableReason {
        interpret(body).unwrap_err().reason()
    }

    #[test]
    fn an_empty_object_is_not_configured() {
        for body in ["{}", " { } \n", "{\"uris\":[]}"] {
            assert_eq!(reason(body.as_bytes()), UnavailableReason::NotConfigured, "{body}");
        }
        let conduit = json!({ "username": "", "password": "", "uris": [], "ttl": 86400 });
        assert_eq!(reason(conduit.to_string().as_bytes()), UnavailableReason::NotConfigured);
    }

    #[test]
    fn no_json_or_another_shape_is_transient() {
        let ok = json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": 60 });
        assert!(interpret(ok.to_string().as_bytes()).is_ok());

        let broken = [
            ("ttl", json!(-1)),
            ("ttl", json!(1.5)),
            ("ttl", json!("60")),
            ("ttl", json!(null)),
            ("uris", json!("turn:a")),
            ("uris", json!([1])),
            ("username", json!(1)),
            ("password", json!(["p"])),
        ];
        for (key, value) in broken {
            let mut answer = ok.clone();
            answer[key] = value;
            assert_eq!(reason(answer.to_string().as_bytes()), UnavailableReason::Unreachable);
        }
        for body in ["", "<html>", "[]", "null", "{\"error\":1}", "\u{0}"] {
            assert_eq!(reason(body.as_bytes()), UnavailableReason::Unreachable, "{body:?}");
        }
        assert_eq!(reason(&[b'['; 60_000]), UnavailableReason::Unreachable);
    }

    #[test]
    fn a_ttl_of_zero_or_of_2_to_the_64_is_taken() {
        for (ttl, taken) in [(0, 0), (1, 1), (u64::MAX, u64::MAX)] {
            let answer =
                json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": ttl });
            let answer = interpret(answer.to_string().as_bytes()).unwrap();
            assert_eq!(answer.ttl, Duration::from_secs(taken));
        }
    }

    #[test]
    fn megabytes_are_not_looked_at() {
        let uris = vec!["turn:a"; 1_000_000];
        let answer = json!({ "username": "u", "password": "p", "uris": uris, "ttl": 60 });
        let unavailable = interpret(answer.to_string().as_bytes()).unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
        assert!(unavailable.to_string().contains("at most 65536"));
    }
}
