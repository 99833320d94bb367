//! Logging in to a homeserver, and out again.

use std::time::Duration;

use anyhow::{Context, anyhow};
use matrix_sdk::{
    Client, Error, HttpError, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    reqwest::{self, StatusCode},
    ruma::api::client::account::whoami,
    store::RoomLoadSettings,
};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

/// How long a homeserver may take for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a login may take, `.well-known` and all. The SDK tries three times.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a homeserver that went away may hold up the end of the program.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client that is logged in.
pub(crate) struct Session {
    pub(crate) client: Client,
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
        timeout(LOGIN_TIMEOUT, login.send())
            .await
            .with_context(|| {
                format!(
                    "the homeserver {homeserver} did not finish the login within {LOGIN_TIMEOUT:?}"
                )
            })?
            .map_err(|error| login_failed(homeserver, user, &error))?;
        Ok(Self { client, is_ours: true })
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
            .map_err(|error| anyhow!("the access token cannot be used: {}", describe(&error)))?;
        Ok(Self { client, is_ours: false })
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

    let url = homeserver.join("/_matrix/client/v3/account/whoami")?;
    let response = reqwest::Client::new()
        .get(url)
        .bearer_auth(token)
        .timeout(REQUEST_TIMEOUT)
        .send()
        .await
        .map_err(|error| anyhow!("{homeserver} cannot be reached: {}", innermost(&error)))?;
    if response.status() == StatusCode::UNAUTHORIZED {
        return Err(anyhow!("the homeserver does not accept the access token: take a newer one"));
    }
    let body = response.bytes().await?;
    let who: WhoAmI = serde_json::from_slice(&body)
        .map_err(|_| anyhow!("{homeserver} does not say whose the access token is"))?;
    let mut answer = whoami::v3::Response::new(who.user_id, false);
    answer.device_id = who.device_id;
    Ok(answer)
}

fn login_failed(homeserver: &str, user: &str, error: &Error) -> anyhow::Error {
    let status = error.as_client_api_error().map(|error| error.status_code.as_u16());
    match (error, status) {
        (_, Some(401 | 403)) => {
            anyhow!("the homeserver does not let {user} in: check --user and the password")
        }
        (_, Some(429)) => anyhow!("the homeserver asks for fewer logins: wait a while"),
        (Error::Http(http), _) if matches!(**http, HttpError::Reqwest(_)) => anyhow!(
            "the homeserver {homeserver} cannot be reached ({}): check --homeserver, and that it runs",
            describe(error)
        ),
        _ => anyhow!(
            "{homeserver} does not answer like a homeserver that takes passwords ({}): check \
             --homeserver, or use an access token",
            describe(error)
        ),
    }
}

/// The innermost cause, in one line.
fn describe(error: &Error) -> String {
    innermost(error)
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
