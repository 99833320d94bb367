//! Logging in to a homeserver, and out again.

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, time::Duration};

use anyhow::{Context, anyhow};
use futures_util::FutureExt;
use matrix_sdk::{
    Client, Error, HttpError, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    reqwest::StatusCode,
    ruma::api::{
        client::{account::whoami, session::get_login_types::v3::LoginType},
        error::ErrorKind,
    },
    store::RoomLoadSettings,
};
use matrix_sdk_turn::{MatrixError, Unavailable};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    http::{self, body, endpoint},
    secret::Secret,
    stop::{Stop, Stopped},
};

/// How long a homeserver may take for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a login may take, `.well-known` and all. The SDK tries three times.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a homeserver that went away may hold up the end of the program.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client that is logged in.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// The password or the access token.
    secret: Secret,
    /// Whether the login was ours, so that the logout is as well.
    is_ours: bool,
}

impl Session {
    /// Logs in with a password.
    pub(crate) async fn log_in(
        homeserver: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let client = client(homeserver).await?;
        let auth = client.matrix_auth();
        let login = auth.login_username(user, password).initial_device_display_name("turn-doctor");
        let outcome = timeout(LOGIN_TIMEOUT, login.send()).await.with_context(|| {
            format!("the homeserver {homeserver} did not finish the login within {LOGIN_TIMEOUT:?}")
        })?;
        match outcome {
            Ok(_) => {
                Ok(Self { client, secret: Zeroizing::new(password.to_owned()), is_ours: true })
            }
            Err(error) => {
                let failed = FailedLogin { homeserver, user, password, error: &error };
                Err(failed.explain(takes_passwords(&client).await))
            }
        }
    }

    /// Takes the place of a client that is logged in, by its access token.
    pub(crate) async fn with_token(homeserver: &str, token: &str) -> anyhow::Result<Self> {
        let client = client(homeserver).await?;
        let who = who_am_i(&client.homeserver(), token).await?;
        let device_id = who.device_id.unwrap_or_else(|| "TURNDOCTOR".into());
        let session = MatrixSession {
            meta: SessionMeta { user_id: who.user_id, device_id },
            tokens: SessionTokens { access_token: token.to_owned(), refresh_token: None },
        };
        client
            .matrix_auth()
            .restore_session(session, RoomLoadSettings::default())
            .await
            .map_err(|error| anyhow!("the access token cannot be used: {}", innermost(&error)))?;
        Ok(Self { client, secret: Zeroizing::new(token.to_owned()), is_ours: false })
    }

    /// What the homeserver answered, without the password and the access token, which it may repeat.
    pub(crate) fn without_secrets(&self, why: &Unavailable) -> Unavailable {
        let token = self.client.access_token().unwrap_or_default();
        let without = |words: &str| without(&without(words, &self.secret), &token);
        let mut shown = Unavailable::new(why.reason());
        if let Some(detail) = why.detail() {
            shown = shown.with_detail(without(detail));
        }
        if let Some(MatrixError { status, errcode, message, .. }) = why.matrix_error() {
            let error = MatrixError::new(*status, without(errcode), &without(message));
            shown = shown.with_matrix_error(error);
        }
        shown
    }

    /// Leaves no device behind, unless it was there before.
    pub(crate) async fn log_out(self) {
        if !self.is_ours {
            return;
        }
        match timeout(LOGOUT_TIMEOUT, self.client.matrix_auth().logout()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the device is still logged in"),
            Err(_elapsed) => tracing::warn!("the device is still logged in"),
        }
    }
}

/// Logs in, works, and logs out again: also if Ctrl-C, SIGTERM or a panic ends the work.
///
/// # Errors
///
/// [`Stopped`], or why the login or the work failed.
pub(crate) async fn while_logged_in<T>(
    log_in: impl Future<Output = anyhow::Result<Session>>,
    work: impl AsyncFnOnce(&Session) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut stop = Stop::listen()?;
    let mut logging_in = pin!(log_in);
    let session = tokio::select! {
        session = &mut logging_in => session?,
        () = stop.requested() => {
            // The homeserver may have made the device by now.
            if let Ok(Ok(session)) = timeout(LOGOUT_TIMEOUT, logging_in).await {
                session.log_out().await;
            }
            return Err(Stopped.into());
        }
    };
    let outcome = tokio::select! {
        outcome = AssertUnwindSafe(work(&session)).catch_unwind() => Some(outcome),
        () = stop.requested() => None,
    };
    session.log_out().await;
    match outcome {
        Some(Ok(outcome)) => outcome,
        Some(Err(panic)) => std::panic::resume_unwind(panic),
        None => Err(Stopped.into()),
    }
}

async fn client(homeserver: &str) -> anyhow::Result<Client> {
    let building = Client::builder()
        .server_name_or_homeserver_url(homeserver)
        // The user wants to know at once that a request failed.
        .request_config(RequestConfig::new().disable_retry().timeout(REQUEST_TIMEOUT))
        .build();
    timeout(LOGIN_TIMEOUT, building)
        .await
        .map_err(|_elapsed| anyhow!("{homeserver} does not answer: check --homeserver"))?
        .with_context(|| {
            format!("{homeserver} leads to no homeserver: check --homeserver, and that it runs")
        })
}

/// The SDK asks this only once it knows the answer.
async fn who_am_i(homeserver: &Url, token: &str) -> anyhow::Result<whoami::v3::Response> {
    #[derive(Deserialize)]
    struct WhoAmI {
        user_id: matrix_sdk::ruma::OwnedUserId,
        device_id: Option<matrix_sdk::ruma::OwnedDeviceId>,
    }

    let url = endpoint(homeserver, "_matrix/client/v3/account/whoami");
    let response = http::client()?
        .get(url)
        .bearer_auth(token)
        .timeout(REQUEST_TIMEOUT)
        .send()
        .await
        .map_err(|error| anyhow!("{homeserver} cannot be reached: {}", innermost(&error)))?;
    if response.status() == StatusCode::UNAUTHORIZED {
        return Err(anyhow!("the homeserver does not accept the access token: take a newer one"));
    }
    if response.status().is_redirection() {
        return Err(anyhow!(
            "{homeserver} redirects to another URL: give --homeserver the URL that is meant"
        ));
    }
    let body =
        body(response).await.with_context(|| format!("{homeserver} was asked for whoami"))?;
    let who: WhoAmI = serde_json::from_slice(&body)
        .map_err(|_| anyhow!("{homeserver} does not say whose the access token is"))?;
    let mut answer = whoami::v3::Response::new(who.user_id, false);
    answer.device_id = who.device_id;
    Ok(answer)
}

/// Whether the homeserver takes a name and a password. If it does not say, it may.
async fn takes_passwords(client: &Client) -> bool {
    match timeout(REQUEST_TIMEOUT, client.matrix_auth().get_login_types()).await {
        Ok(Ok(answer)) => answer.flows.iter().any(|flow| matches!(flow, LoginType::Password(_))),
        Ok(Err(_)) | Err(_) => true,
    }
}

/// A login that failed.
struct FailedLogin<'a> {
    homeserver: &'a str,
    user: &'a str,
    password: &'a str,
    error: &'a Error,
}

impl FailedLogin<'_> {
    fn explain(&self, takes_passwords: bool) -> anyhow::Error {
        let Self { homeserver, user, error, .. } = self;
        let status = error.as_client_api_error().map(|error| error.status_code.as_u16());
        let why = self.in_its_words();
        if status.is_some() && !takes_passwords {
            return anyhow!(
                "the homeserver {homeserver} takes no passwords, only single sign-on: log in with \
                 a client, and set TURN_DOCTOR_ACCESS_TOKEN to its access token"
            );
        }
        match (error.client_api_error_kind(), status) {
            (Some(ErrorKind::Forbidden), _) => {
                anyhow!("the homeserver does not let {user} in: check --user and the password")
            }
            (Some(ErrorKind::UserDeactivated), _) => {
                anyhow!("the account {user} is deactivated: use another one")
            }
            (Some(ErrorKind::LimitExceeded(_)), _) | (None, Some(429)) => {
                anyhow!("the homeserver asks for fewer logins: wait a while")
            }
            (None, Some(401)) => anyhow!(
                "the homeserver asks {user} for more than a password, such as a second factor: log \
                 in with a client, and set TURN_DOCTOR_ACCESS_TOKEN to its access token"
            ),
            (Some(_), Some(401 | 403)) => anyhow!(
                "the homeserver refuses the login of {user} ({why}): ask its administrator, or use \
                 an access token"
            ),
            _ if is_unreachable(error) => anyhow!(
                "the homeserver {homeserver} cannot be reached ({why}): check --homeserver, and \
                 that it runs"
            ),
            _ => anyhow!(
                "{homeserver} does not answer like a homeserver that takes passwords ({why}): \
                 check --homeserver, or use an access token"
            ),
        }
    }

    /// The innermost cause, without the password, which a server may repeat.
    fn in_its_words(&self) -> String {
        without(&innermost(self.error), self.password)
    }
}

/// A shorter secret is part of many words: to take it out of them would spoil the text and show the secret.
const LEAST_SECRET_CHARS: usize = 4;

fn without(words: &str, secret: &str) -> String {
    match secret.chars().count() < LEAST_SECRET_CHARS {
        true => words.to_owned(),
        false => words.replace(secret, "…"),
    }
}

fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Http(http) if matches!(**http, HttpError::Reqwest(_)))
}

/// The innermost cause, in one line.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{method, path},
    };

    use super::*;

    #[test]
    fn a_secret_is_taken_out_of_words_unless_it_is_a_part_of_many() {
        assert_eq!(without("no relay for s3cret", "s3cret"), "no relay for …");
        assert_eq!(without("it sent a turn: URI", "t"), "it sent a turn: URI");
        assert_eq!(without("it sent a turn: URI", ""), "it sent a turn: URI");
    }

    /// A homeserver behind a path, which answers this to a login.
    async fn homeserver(login: ResponseTemplate, flow: &str) -> MockServer {
        let server = MockServer::start().await;
        let answers = [
            ("GET", "/hs/_matrix/client/versions", ok(json!({ "versions": ["v1.11"] }))),
            ("GET", "/hs/_matrix/client/v3/login", ok(json!({ "flows": [{ "type": flow }] }))),
            ("POST", "/hs/_matrix/client/v3/login", login),
            ("POST", "/hs/_matrix/client/v3/logout", ok(json!({}))),
        ];
        for (verb, place, answer) in answers {
            Mock::given(method(verb)).and(path(place)).respond_with(answer).mount(&server).await;
        }
        server
    }

    fn ok(body: serde_json::Value) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(body)
    }

    fn welcome() -> ResponseTemplate {
        ok(json!({ "user_id": "@alice:a", "device_id": "D", "access_token": "t" }))
    }

    async fn log_in(server: &MockServer) -> anyhow::Result<Session> {
        Session::log_in(&format!("{}/hs", server.uri()), "alice", "s3cret").await
    }

    async fn refused(status: u16, body: serde_json::Value, flow: &str) -> String {
        let answer = ResponseTemplate::new(status).set_body_json(body);
        let server = homeserver(answer, flow).await;
        format!("{:#}", log_in(&server).await.err().unwrap())
    }

    async fn logouts(server: &MockServer) -> usize {
        let requests = server.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path().ends_with("/logout")).count()
    }

    #[tokio::test]
    async fn a_panic_logs_out_and_goes_on() {
        let server = homeserver(welcome(), "m.login.password").await;
        let work = async |_: &Session| -> anyhow::Result<()> { panic!("a part of the test") };
        let outcome = AssertUnwindSafe(while_logged_in(log_in(&server), work)).catch_unwind().await;
        assert!(outcome.is_err());
        assert_eq!(logouts(&server).await, 1);
    }

    #[tokio::test]
    async fn no_request_leaves_the_path_of_the_homeserver() {
        let server = homeserver(welcome(), "m.login.password").await;
        let whoami = ok(json!({ "user_id": "@alice:a", "device_id": "D" }));
        let place = "/hs/_matrix/client/v3/account/whoami";
        Mock::given(path(place)).respond_with(whoami).mount(&server).await;
        log_in(&server).await.unwrap().log_out().await;
        let session = Session::with_token(&format!("{}/hs", server.uri()), "t").await.unwrap();
        crate::clock::compare(&session.client.homeserver()).await;
        let asked = server.received_requests().await.unwrap();
        let outside: Vec<_> = asked
            .iter()
            .map(|request| request.url.path())
            // The SDK looks at whether the host is a server's name before it takes it for a URL.
            .filter(|path| !path.starts_with("/hs/") && !path.starts_with("/.well-known/"))
            .collect();
        assert!(outside.is_empty() && asked.len() > 5, "{outside:?}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
        let redirect = ResponseTemplate::new(307).insert_header("Location", elsewhere.uri());
        Mock::given(method("GET")).respond_with(redirect).mount(&server).await;
        let url = Url::parse(&server.uri()).unwrap();
        let said = format!("{:#}", who_am_i(&url, "t").await.unwrap_err());
        assert!(said.contains("redirects to another URL"), "{said}");
        crate::clock::compare(&url).await;
        crate::software::of(&url).await;
        assert_eq!(server.received_requests().await.unwrap().len(), 3);
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn an_endless_answer_is_not_read_to_its_end() {
        let server = homeserver(welcome(), "m.login.password").await;
        let long = json!({ "user_id": "@alice:a", "device_id": "D", "more": "x".repeat(100_000) });
        let place = "/hs/_matrix/client/v3/account/whoami";
        Mock::given(path(place)).respond_with(ok(long)).mount(&server).await;
        let outcome = Session::with_token(&format!("{}/hs", server.uri()), "t").await;
        let said = format!("{:#}", outcome.err().unwrap());
        assert!(said.contains("longer than 64 KiB"), "{said}");
    }

    #[tokio::test]
    async fn a_wrong_password_is_told_from_other_refusals() {
        let forbidden = json!({ "errcode": "M_FORBIDDEN", "error": "no" });
        let said = refused(403, forbidden.clone(), "m.login.password").await;
        assert!(said.contains("check --user and the password"), "{said}");
        let said = refused(403, forbidden, "m.login.sso").await;
        assert!(said.contains("single sign-on"), "{said}");
        let second = json!({ "session": "s", "flows": [{ "stages": ["m.login.totp"] }] });
        let said = refused(401, second, "m.login.password").await;
        assert!(said.contains("second factor"), "{said}");
        let gone = json!({ "errcode": "M_USER_DEACTIVATED", "error": "gone" });
        let said = refused(403, gone, "m.login.password").await;
        assert!(said.contains("deactivated"), "{said}");
    }

    #[tokio::test]
    async fn a_homeserver_that_repeats_the_password_does_not_get_it_into_an_error() {
        let echo = json!({ "errcode": "M_CUSTOM", "error": "no, s3cret is wrong" });
        let said = refused(403, echo, "m.login.password").await;
        assert!(said.contains("is wrong") && !said.contains("s3cret"), "{said}");
    }
}
