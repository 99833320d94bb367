//! A user with a matrix-sdk client: registered, logged in, and syncing.

use std::time::Duration;

use anyhow::{Context, bail};
use matrix_sdk::{
    Client, Room, RoomState,
    config::SyncSettings,
    ruma::{
        OwnedRoomId, RoomId,
        api::client::{
            account::register,
            room::create_room::v3::{Request as CreateRoom, RoomPreset},
            uiaa::{AuthData, Dummy},
        },
    },
};
use matrix_sdk_turn::{TurnServer, TurnService, TurnState};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::wait::until;

/// The password that the account logs in with. No log may hold it.
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

/// The homeserver works off a handful of requests.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// One request to a homeserver that answers, on a busy machine.
const STREAM_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two syncs while the homeserver is away.
const SYNC_RETRY: Duration = Duration::from_millis(500);

/// A client of the user's.
pub(crate) struct Account {
    pub(crate) client: Client,
    sync: JoinHandle<()>,
}

impl Account {
    pub(crate) async fn register(homeserver: &str, user: &str) -> anyhow::Result<Self> {
        let client = Client::builder().homeserver_url(homeserver).build().await?;
        let auth = client.matrix_auth();

        let mut registration = register::v3::Request::new();
        registration.username = Some(user.to_owned());
        registration.password = Some(PASSWORD.to_owned());
        registration.auth = Some(AuthData::Dummy(Dummy::new()));
        registration.inhibit_login = true;
        auth.register(registration).await.with_context(|| format!("{user} cannot register"))?;

        Self::with_client(client, user, PASSWORD).await
    }

    /// A user that the homeserver knows.
    pub(crate) async fn log_in(
        homeserver: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let client = Client::builder().homeserver_url(homeserver).build().await?;
        Self::with_client(client, user, password).await
    }

    async fn with_client(client: Client, user: &str, password: &str) -> anyhow::Result<Self> {
        client
            .matrix_auth()
            .login_username(user, password)
            .send()
            .await
            .with_context(|| format!("{user} cannot log in"))?;
        let sync = tokio::spawn(sync_for_ever(client.clone()));
        Ok(Self { client, sync })
    }

    /// A room that everybody may join.
    pub(crate) async fn create_room(&self) -> anyhow::Result<OwnedRoomId> {
        let mut request = CreateRoom::new();
        request.preset = Some(RoomPreset::PublicChat);
        Ok(self.client.create_room(request).await?.room_id().to_owned())
    }

    pub(crate) async fn join(&self, room: &RoomId) -> anyhow::Result<()> {
        self.client.join_room_by_id(room).await?;
        Ok(())
    }

    /// The room, once the account's sync has told of it.
    pub(crate) async fn room(&self, room: &RoomId) -> anyhow::Result<Room> {
        until("the sync tells of the room", JOIN_TIMEOUT, async || {
            Ok(self.client.get_room(room).filter(|room| room.state() == RoomState::Joined))
        })
        .await
    }

    /// What the stream of the account's service says first: TURN servers.
    pub(crate) async fn turn_servers(&self) -> anyhow::Result<TurnServer> {
        let mut states = TurnService::new(&self.client).subscribe();
        let state = timeout(STREAM_TIMEOUT, states.next())
            .await
            .with_context(|| format!("the stream said nothing for {STREAM_TIMEOUT:?}"))?
            .context("the stream ended")?;
        if let TurnState::Unavailable(why) = &state {
            bail!("there is no TURN server: {why}");
        }
        state.available().cloned().context("the state has no TURN server")
    }

    /// What no log may hold.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.client.access_token().into_iter().chain([PASSWORD.to_owned()]).collect()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.sync.abort();
    }
}

async fn sync_for_ever(client: Client) {
    loop {
        if let Err(error) = client.sync(SyncSettings::new()).await {
            tracing::info!(%error, "the sync stopped");
        }
        sleep(SYNC_RETRY).await;
    }
}
