//! S14 with the client's own store: SQLite, encrypted, in a folder that outlives each client.

use matrix_sdk::{
    Client, SessionMeta, SqliteStoreConfig,
    authentication::matrix::MatrixSession,
    ruma::{OwnedDeviceId, owned_device_id},
    store::{RoomLoadSettings, StateStoreDataKey, StateStoreDataValue},
};
use matrix_sdk_turn::{ClientStore, HomeserverSource, TurnService};
use tempfile::TempDir;
use tests::{
    homeserver::{ACCESS_TOKEN, Homeserver, session, turn_servers},
    log::Log,
};
use tokio::time::{Duration, sleep, timeout};

use super::sessions::witness;

const USERNAME: &str = "1443779631:@alice:localhost";
const PASSWORD: &str = "turn-s3cret";

/// Where the entry is.
const KEY: StateStoreDataKey<'static> = StateStoreDataKey::Filter("matrix-sdk-turn.credentials");

/// A homeserver, and a folder for the client's store.
struct World {
    homeserver: Homeserver,
    directory: TempDir,
}

impl World {
    async fn start() -> Self {
        let homeserver = Homeserver::start().await;
        homeserver.answer_turn_servers(turn_servers(USERNAME, 3600)).await;
        Self { homeserver, directory: tempfile::tempdir().unwrap() }
    }

    /// One run of the app, on this device.
    async fn client(&self, device_id: OwnedDeviceId) -> Client {
        let client = self.client_without_session().await;
        let session = session(None);
        let meta = SessionMeta { device_id, ..session.meta };
        let session = MatrixSession { meta, ..session };
        client.matrix_auth().restore_session(session, RoomLoadSettings::default()).await.unwrap();
        client
    }

    async fn client_without_session(&self) -> Client {
        // A passphrase takes seconds to become a key in a debug build.
        let config = SqliteStoreConfig::new(self.directory.path()).key(Some(&[7; 32]));
        let client = Client::builder()
            .homeserver_url(self.homeserver.server.uri())
            .sqlite_store_with_config_and_cache_path(config, None::<&str>)
            .build()
            .await
            .unwrap();
        // The service waits for the store for a second only, and the first connection takes long.
        client.state_store().get_kv_data(KEY).await.unwrap();
        client
    }

    async fn let_the_entry_be_another_devices(&self) {
        let client = self.client_without_session().await;
        let store = client.state_store();
        let stored = store.get_kv_data(KEY).await.unwrap().unwrap();
        let foreign = stored.into_filter().unwrap().replacen("DEVICE", "OTHER", 1);
        store.set_kv_data(KEY, StateStoreDataValue::Filter(foreign)).await.unwrap();
        gone(client).await;
    }

    /// The number of requests after somebody got credentials in one run of the app.
    async fn requests_after_a_run(&self, device_id: OwnedDeviceId) -> usize {
        let turn = service(&self.client(device_id).await);
        assert_eq!(turn.get().await.unwrap().username(), USERNAME);
        drop(turn);
        self.homeserver.turn_server_requests().await
    }

    /// Whether this is in a file of the store. Files come and go when the store is closed.
    fn files_contain(&self, text: &str) -> bool {
        let mut files = std::fs::read_dir(self.directory.path()).unwrap();
        files.any(|file| {
            let contents = std::fs::read(file.unwrap().path()).unwrap();
            contents.windows(text.len()).any(|window| window == text.as_bytes())
        })
    }
}

fn service(client: &Client) -> TurnService {
    let source = HomeserverSource::new(client);
    TurnService::builder(source).persist(ClientStore::new(client)).build()
}

fn device() -> OwnedDeviceId {
    owned_device_id!("DEVICE")
}

/// Waits until the entry is in the client's store.
async fn written(client: &Client) {
    let is_written = async {
        while client.state_store().get_kv_data(KEY).await.unwrap().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), is_written).await.expect("the entry is written");
}

/// Waits until the client is gone, and with it all that was to be written.
async fn gone(client: Client) {
    let alive = witness(&client);
    drop(client);
    let is_gone = async {
        while std::sync::Arc::strong_count(&alive) > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), is_gone).await.expect("nobody keeps the client");
}

#[tokio::test]
async fn s14_a_new_client_of_the_same_session_starts_with_them_also_offline() {
    let world = World::start().await;
    let client = world.client(device()).await;
    service(&client).get().await.unwrap();
    gone(client).await;
    assert_eq!(world.requests_after_a_run(device()).await, 1);

    world.homeserver.server.reset().await;
    let turn = service(&world.client(device()).await);
    assert_eq!(turn.get().await.unwrap().password(), PASSWORD);
}

#[tokio::test]
async fn s14_another_device_in_the_same_store_discards_them_with_one_line() {
    let world = World::start().await;
    let client = world.client(device()).await;
    service(&client).get().await.unwrap();
    gone(client).await;

    let (log, _guard) = Log::record();
    world.let_the_entry_be_another_devices().await;
    assert_eq!(world.requests_after_a_run(device()).await, 2);
    assert_eq!(log.lines_with("another session stored").len(), 1);
}

#[tokio::test]
async fn s14_what_another_device_left_is_removed_though_there_is_nothing_to_replace_it() {
    let world = World::start().await;
    let client = world.client(device()).await;
    service(&client).get().await.unwrap();
    gone(client).await;
    world.let_the_entry_be_another_devices().await;

    world.homeserver.server.reset().await;
    let client = world.client(device()).await;
    assert!(service(&client).get().await.is_err());
    assert!(client.state_store().get_kv_data(KEY).await.unwrap().is_none());
}

#[tokio::test]
async fn s14_a_logout_removes_them_and_lets_go_of_the_client() {
    let world = World::start().await;
    let client = world.client(device()).await;
    let turn = service(&client);
    turn.get().await.unwrap();
    turn.end_session();
    gone(client).await;

    let client = world.client_without_session().await;
    assert!(client.state_store().get_kv_data(KEY).await.unwrap().is_none());
}

#[tokio::test]
async fn s14_a_client_that_is_restored_after_the_service_was_made_finds_them() {
    let world = World::start().await;
    let client = world.client(device()).await;
    service(&client).get().await.unwrap();
    gone(client).await;

    let client = world.client_without_session().await;
    let turn = service(&client);
    let mut states = turn.subscribe();
    assert!(states.next().await.unwrap().unavailable().is_some(), "not logged in");
    client.matrix_auth().restore_session(session(None), RoomLoadSettings::default()).await.unwrap();
    let state = timeout(Duration::from_secs(20), states.next()).await.unwrap().unwrap();
    assert_eq!(state.available().unwrap().username(), USERNAME);
    assert_eq!(world.homeserver.turn_server_requests().await, 1);
}

#[tokio::test]
async fn s14_neither_file_nor_log_shows_a_secret() {
    let (log, _guard) = Log::record();
    let world = World::start().await;
    for _ in 0..2 {
        let client = world.client(device()).await;
        let turn = service(&client);
        turn.get().await.unwrap();
        assert!(!format!("{turn:?} {:?}", ClientStore::new(&client)).contains("secret"));
        written(&client).await;
        for secret in [USERNAME, PASSWORD] {
            assert!(!world.files_contain(secret), "{secret}");
        }
        drop(turn);
        gone(client).await;
    }
    let log = log.text();
    for secret in [USERNAME, PASSWORD, ACCESS_TOKEN] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
