//! One service per session, without the app keeping a map of them.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use matrix_sdk::{
    Client,
    ruma::{OwnedDeviceId, OwnedUserId},
};

use crate::service::{TurnService, WeakTurnService};

/// What makes two clients those of one session.
#[derive(PartialEq, Eq, Hash)]
struct SessionKey {
    homeserver: String,
    user_id: OwnedUserId,
    device_id: OwnedDeviceId,
}

static SERVICES: LazyLock<Mutex<HashMap<SessionKey, WeakTurnService>>> =
    LazyLock::new(Mutex::default);

impl TurnService {
    /// The service that all who ask for it in this session share: the one that somebody in this
    /// process keeps, or else a new one.
    ///
    /// - It is shared weakly: when the last clone, stream and driver is dropped, so is the service,
    ///   with the credentials that it held. An app that wants them kept between calls keeps a clone.
    /// - A session is a homeserver, a user and a device. A second `Client` of the same session gets
    ///   the service of the first, which asks by the first one's connection and access token, for
    ///   as long as somebody keeps it.
    /// - After the session has [ended](Self::end_session), or in a client that is not logged in,
    ///   there is nothing to share: the service is a new one.
    /// - [`TurnService::new`] never shares.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`TurnService::new`].
    pub fn shared(client: &Client) -> Self {
        let Some(session) = client.session_meta() else { return Self::new(client) };
        let key = SessionKey {
            homeserver: client.homeserver().to_string(),
            user_id: session.user_id.clone(),
            device_id: session.device_id.clone(),
        };

        let mut services = SERVICES.lock().unwrap_or_else(PoisonError::into_inner);
        services.retain(|_, service| service.is_kept());
        if let Some(service) = services.get(&key).and_then(WeakTurnService::upgrade) {
            return service;
        }
        let service = Self::new(client);
        services.insert(key, service.downgrade());
        service
    }
}
