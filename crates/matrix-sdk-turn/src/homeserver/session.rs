//! The session of a client: whether there is one to ask with, and what happens to it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use matrix_sdk::{Client, SessionChange};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::sleep,
};
use zeroize::Zeroizing;

use crate::{
    source::SessionEvent,
    unavailable::{Unavailable, UnavailableReason},
};

/// How often a client that is not logged in is looked at, which asks nobody. The SDK does not tell
/// when it is.
const LOGIN_INTERVAL: Duration = Duration::from_secs(1);

/// What is known of a client's session besides what the client itself tells.
pub(super) struct Session {
    /// It is listened to from the beginning: what happens while nobody waits for an event is the
    /// first one that the next who waits is told.
    changes: tokio::sync::Mutex<Receiver<SessionChange>>,
    refused: Mutex<Option<Refused>>,
}

/// The homeserver refused an access token, which need not be asked again.
struct Refused {
    token: Zeroizing<String>,
    why: Unavailable,
}

impl Session {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            changes: tokio::sync::Mutex::new(client.subscribe_to_session_changes()),
            refused: Mutex::default(),
        }
    }

    /// The access token to ask with.
    ///
    /// # Errors
    ///
    /// The client is not logged in, or the homeserver refused the token that it has.
    pub(super) fn token(&self, client: &Client) -> Result<Zeroizing<String>, Unavailable> {
        let Some(token) = current_token(client) else {
            return Err(UnavailableReason::NotLoggedIn.into());
        };
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.as_ref().filter(|refused| refused.token == token) {
            Some(refused) => Err(refused.why.clone()),
            None => Ok(token),
        }
    }

    /// Whether the client has this token still.
    pub(super) fn is_current(&self, client: &Client, token: &Zeroizing<String>) -> bool {
        current_token(client).as_ref() == Some(token)
    }

    /// The homeserver refused the token that the client has.
    pub(super) fn refuse_token(&self, client: &Client, why: &Unavailable) {
        let refused = current_token(client).map(|token| Refused { token, why: why.clone() });
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// Waits until the client is logged in, has another token, or has lost its session.
    pub(super) async fn event(&self, client: &Client) -> SessionEvent {
        if current_token(client).is_none() {
            while current_token(client).is_none() {
                sleep(LOGIN_INTERVAL).await;
            }
            return SessionEvent::Renewed;
        }

        let mut changes = self.changes.lock().await;
        loop {
            match changes.recv().await {
                Ok(SessionChange::UnknownToken(token)) => {
                    if !token.soft_logout && !has_refresh_token(client) {
                        return SessionEvent::Ended;
                    }
                }
                // Whatever was missed: whoever is told this looks at the token again.
                Ok(SessionChange::TokensRefreshed) | Err(RecvError::Lagged(_)) => {
                    return SessionEvent::Renewed;
                }
                Err(RecvError::Closed) => return SessionEvent::Ended,
            }
        }
    }
}

/// Whether the session can get another access token by itself.
///
/// A homeserver that delegates authentication answers an expired token as one of a session that has
/// ended, without `soft_logout`.
pub(super) fn has_refresh_token(client: &Client) -> bool {
    client.session_tokens().is_some_and(|tokens| tokens.refresh_token.is_some())
}

fn current_token(client: &Client) -> Option<Zeroizing<String>> {
    client.session_meta()?;
    client.access_token().map(Zeroizing::new)
}
