//! Logging in, finding the room, and logging out again.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use matrix_sdk::{
    Client, Error, HttpError, Room, RoomState,
    config::{RequestConfig, SyncSettings},
    ruma::api::client::{
        filter::{FilterDefinition, RoomEventFilter, RoomFilter},
        sync::sync_events::v3::Filter,
    },
};
use tokio::time::timeout;

use crate::{
    args::Account,
    report::{Report, Speaker},
};

/// How long a homeserver may take for one answer. The first sync of an old account takes a while.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a login may take. The SDK tries three times, and waits in between if it is told to.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a homeserver that went away may hold up the end of the program.
const LOGOUT_TIMEOUT: Duration = Duration::from_secs(3);

/// What it takes to log in.
pub(crate) struct Login {
    pub(crate) account: Account,
    pub(crate) password: String,
}

/// A client that is logged in.
pub(crate) struct Session {
    client: Client,
}

impl Session {
    pub(crate) async fn log_in(login: &Login, report: &Report) -> anyhow::Result<Self> {
        let Login { account, password } = login;
        let Account { homeserver, user, .. } = account;
        report.line(Speaker::Client, format_args!("logging in at {homeserver} as {user}"));
        let client = Client::builder()
            .homeserver_url(homeserver)
            // The user wants to know at once that a request failed.
            .request_config(RequestConfig::new().disable_retry().timeout(REQUEST_TIMEOUT))
            .build()
            .await
            .with_context(|| format!("{homeserver} is no homeserver to log in to"))?;
        let auth = client.matrix_auth();
        let login = auth.login_username(user, password).initial_device_display_name("turn-demo");
        timeout(LOGIN_TIMEOUT, login.send())
            .await
            .with_context(|| {
                format!(
                    "the homeserver {homeserver} did not finish the login within \
                     {LOGIN_TIMEOUT:?}: check --homeserver, or wait a while if there were many \
                     logins"
                )
            })?
            .map_err(|error| login_failed(account, &error))?;
        report.good(Speaker::Client, "logged in");
        Ok(Self { client })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The account's room, as it is now.
    pub(crate) async fn joined_room(&self, login: &Login) -> anyhow::Result<Room> {
        let account = &login.account;
        let Account { user, room, .. } = account;
        self.client
            .sync_once(SyncSettings::new().filter(Filter::FilterDefinition(only(account))))
            .await
            .map_err(|error| anyhow!("the first sync failed: {}", describe(&error)))?;
        match self.client.get_room(room) {
            Some(room) if room.state() == RoomState::Joined => Ok(room),
            _ => bail!("{user} is not in the room {room}: join it first, or check --room"),
        }
    }

    /// Leaves no device behind.
    pub(crate) async fn log_out(self) {
        match timeout(LOGOUT_TIMEOUT, self.client.matrix_auth().logout()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the device is still logged in"),
            Err(_elapsed) => tracing::warn!("the device is still logged in"),
        }
    }
}

/// A filter for the membership of the room, and for nothing else of the account.
fn only(account: &Account) -> FilterDefinition {
    let mut room = RoomFilter::empty();
    room.rooms = Some(vec![account.room.clone()]);
    room.account_data = RoomEventFilter::ignore_all();
    room.ephemeral = RoomEventFilter::ignore_all();
    room.state = RoomEventFilter::with_lazy_loading();
    let mut filter = FilterDefinition::ignore_all();
    filter.room = room;
    filter
}

fn login_failed(account: &Account, error: &Error) -> anyhow::Error {
    let Account { homeserver, user, .. } = account;
    let status = error.as_client_api_error().map(|error| error.status_code.as_u16());
    match (error, status) {
        (_, Some(401 | 403)) => {
            anyhow!("the homeserver does not let {user} in: check --user and the password")
        }
        (_, Some(429)) => anyhow!("the homeserver asks for fewer logins: wait a while"),
        (Error::Http(http), _) if matches!(**http, HttpError::Reqwest(_)) => anyhow!(
            "the homeserver {homeserver} cannot be reached ({}): check --homeserver, and that it \
             runs",
            describe(error)
        ),
        _ => anyhow!(
            "{homeserver} does not answer like a homeserver that takes passwords ({}): check \
             --homeserver",
            describe(error)
        ),
    }
}

/// The innermost cause, in one line.
fn describe(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
