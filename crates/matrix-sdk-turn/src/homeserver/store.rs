//! The client's own store, to keep credentials in.

use std::fmt;

use async_trait::async_trait;
use matrix_sdk::{
    Client,
    store::{StateStoreDataKey, StateStoreDataValue},
};
use tracing::warn;
use zeroize::Zeroizing;

use crate::{
    runtime::InRuntime,
    store::{StoreError, TurnServerStore},
};

/// One entry per store, so that whoever comes next finds what the last session left behind.
///
/// A named filter is a string under a name. Among the custom values, which are meant for extensions, the
/// entry would lie in clear: matrix-sdk-sqlite 0.18 and 0.19 encrypt all values but those.
const KEY: StateStoreDataKey<'static> = StateStoreDataKey::Filter("matrix-sdk-turn.credentials");

/// Keeps credentials in the [state store] of a client: encrypted
/// exactly as far as that store is. With the SQLite store, that is with the passphrase or key that the
/// client was built with; without one, they lie on the disk in clear.
///
/// The entry belongs to the client's session: its homeserver, user and device. What another session
/// left in the same store is removed.
///
/// ```no_run
/// # #[cfg(feature = "client")]
/// # fn example(client: matrix_sdk::Client) -> matrix_sdk_turn::TurnService {
/// use matrix_sdk_turn::{ClientStore, HomeserverSource, TurnService};
///
/// TurnService::builder(HomeserverSource::new(&client)).persist(ClientStore::new(&client)).build()
/// # }
/// ```
///
/// [state store]: https://docs.rs/matrix-sdk/latest/matrix_sdk/struct.Client.html#method.state_store
pub struct ClientStore {
    client: InRuntime<Client>,
}

impl ClientStore {
    /// The store that `client` was built with.
    pub fn new(client: &Client) -> Self {
        Self { client: InRuntime::current(client.clone()) }
    }

    fn client(&self) -> Result<&Client, StoreError> {
        self.client.get().ok_or_else(|| "the client is gone".into())
    }
}

/// What the entry of this client's session begins with.
fn heading(client: &Client) -> Result<String, StoreError> {
    let session = client.session_meta().ok_or("the client is not logged in")?;
    let homeserver = client.homeserver();
    Ok(format!("{homeserver} {} {}\n", session.user_id, session.device_id))
}

#[async_trait]
impl TurnServerStore for ClientStore {
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let client = self.client()?;
        let heading = heading(client)?;
        let value = client.state_store().get_kv_data(KEY).await?;
        let Some(value) = value.and_then(StateStoreDataValue::into_filter).map(Zeroizing::new)
        else {
            return Ok(None);
        };
        if let Some(entry) = value.strip_prefix(&heading) {
            return Ok(Some(entry.as_bytes().to_vec()));
        }
        warn!("discarding TURN credentials that another session stored");
        self.remove().await?;
        Ok(None)
    }

    async fn save(&self, entry: &[u8]) -> Result<(), StoreError> {
        let client = self.client()?;
        let value = heading(client)? + str::from_utf8(entry)?;
        Ok(client.state_store().set_kv_data(KEY, StateStoreDataValue::Filter(value)).await?)
    }

    async fn remove(&self) -> Result<(), StoreError> {
        Ok(self.client()?.state_store().remove_kv_data(KEY).await?)
    }
}

impl fmt::Debug for ClientStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStore").finish_non_exhaustive()
    }
}
