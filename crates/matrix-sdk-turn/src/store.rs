//! Where credentials are kept between two runs of the app.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

/// What went wrong in a [`TurnServerStore`]. It is logged, so it must hold no secret.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// Where credentials are kept between two runs of the app, for
/// [`TurnServiceBuilder::persist`](crate::TurnServiceBuilder::persist).
///
/// `ClientStore` keeps them in the state store of matrix-sdk's `Client`. Implement this to put another
/// store in its place: the system's keychain, say. A store holds one entry, of one session; what is in
/// it is the service's to know. It contains a password.
///
/// # Cancel safety
///
/// The futures may be dropped at any await: when they take longer than a second to load, or 8 s to save
/// or to remove, or when their runtime ends. Then the old entry or the new one must be there, or none.
#[async_trait]
pub trait TurnServerStore: fmt::Debug + Send + Sync + 'static {
    /// The entry that was saved last, in this session. `None` if there is none.
    ///
    /// # Errors
    ///
    /// It cannot be told yet. It is loaded again before the next request.
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Puts this entry, which is UTF-8, in the place of the last one.
    ///
    /// # Errors
    ///
    /// It was not saved. The next entry will be.
    async fn save(&self, entry: &[u8]) -> Result<(), StoreError>;

    /// Removes the entry, whatever session it is of. If there is none, that is no error.
    ///
    /// # Errors
    ///
    /// It was not removed.
    async fn remove(&self) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: TurnServerStore + ?Sized> TurnServerStore for Arc<S> {
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).load().await
    }

    async fn save(&self, entry: &[u8]) -> Result<(), StoreError> {
        (**self).save(entry).await
    }

    async fn remove(&self) -> Result<(), StoreError> {
        (**self).remove().await
    }
}
