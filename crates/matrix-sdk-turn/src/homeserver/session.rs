//! The session of a client: whether there is one to ask with, and what happens to it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use matrix_sdk::{Client, SessionChange};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{
    policy::RefreshPolicy,
    source::SessionEvent,
    unavailable::{Unavailable, UnavailableReason},
};

/// How often a client that lacks a session or another token is looked at, which asks nobody. The SDK
/// does not tell when it is logged in, nor when another process refreshed the token.
const LACKING_INTERVAL: Duration = Duration::from_secs(1);

/// How often one that lacks nothing is looked at.
const INTERVAL: Duration = RefreshPolicy::MAX_TIMER;

/// What is known of a client's session besides what the client itself tells.
pub(super) struct Session {
    /// It is listened to from the beginning: an event that happens while nobody waits is kept for the
    /// next call. `None` while somebody waits.
    changes: Mutex<Option<Receiver<SessionChange>>>,
    /// Why the last request was not sent, or was refused.
    lacking: Mutex<Option<Lacking>>,
}

/// What a request lacked. It need not be asked again before the client has a token, or another one.
struct Lacking {
    /// The access token that the homeserver refused. `None`: the client was not logged in.
    token: Option<Zeroizing<String>>,
    why: Unavailable,
}

impl Session {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            changes: Mutex::new(Some(client.subscribe_to_session_changes())),
            lacking: Mutex::default(),
        }
    }

    fn lacking(&self) -> MutexGuard<'_, Option<Lacking>> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access token to ask with.
    ///
    /// # Errors
    ///
    /// The client is not logged in, or the homeserver refused the token that it has.
    pub(super) fn token(&self, client: &Client) -> Result<Zeroizing<String>, Unavailable> {
        let mut lacking = self.lacking();
        let token = current_token(client);
        if let Some(lacking) = lacking.as_ref().filter(|lacking| lacking.token == token) {
            return Err(lacking.why.clone());
        }
        let Some(token) = token else {
            let why = Unavailable::from(UnavailableReason::NotLoggedIn);
            *lacking = Some(Lacking { token: None, why: why.clone() });
            return Err(why);
        };
        *lacking = None;
        Ok(token)
    }

    /// Whether the client has this token still.
    pub(super) fn is_current(&self, client: &Client, token: &Zeroizing<String>) -> bool {
        current_token(client).as_ref() == Some(token)
    }

    /// The homeserver refused the token that the client has.
    pub(super) fn refuse_token(&self, client: &Client, why: &Unavailable) {
        *self.lacking() = Some(Lacking { token: current_token(client), why: why.clone() });
    }

    /// Whether the client has by now what the last request lacked.
    fn is_renewed(&self, client: &Client) -> bool {
        let mut lacking = self.lacking();
        lacking.take_if(|lacking| lacking.token != current_token(client)).is_some()
    }

    /// Waits until the client has what the last request lacked, or has lost its session.
    pub(super) async fn event(&self, client: &Client) -> SessionEvent {
        let mut listening =
            Listening::start(&self.changes, || client.subscribe_to_session_changes());
        while !self.is_renewed(client) {
            let interval = if self.lacking().is_some() { LACKING_INTERVAL } else { INTERVAL };
            let Ok(change) = timeout(interval, listening.changes.recv()).await else { continue };
            match change {
                Ok(SessionChange::UnknownToken(token))
                    if !token.soft_logout && !has_refresh_token(client) =>
                {
                    return SessionEvent::Ended;
                }
                // There may be another token now. Whatever was missed may have brought it.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return SessionEvent::Ended,
            }
        }
        SessionEvent::Renewed
    }
}

/// A caller that waits for an event. A second one may wait at the same time, while the task of the first
/// is being dropped: it sees the events from then on.
struct Listening<'a> {
    kept: &'a Mutex<Option<Receiver<SessionChange>>>,
    changes: Receiver<SessionChange>,
}

impl<'a> Listening<'a> {
    fn start(
        kept: &'a Mutex<Option<Receiver<SessionChange>>>,
        subscribe: impl FnOnce() -> Receiver<SessionChange>,
    ) -> Self {
        let changes = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        Self { kept, changes: changes.unwrap_or_else(subscribe) }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        // What it was not told yet is for the next who waits. What is kept already is older, and is
        // told no less.
        let next = self.changes.resubscribe();
        let changes = std::mem::replace(&mut self.changes, next);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(changes);
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

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;

    #[test]
    fn what_one_who_waited_was_not_told_another_does_not_throw_away() {
        let (changes, receiver) = broadcast::channel(4);
        let kept = Mutex::new(Some(receiver));
        let start = || Listening::start(&kept, || changes.subscribe());
        let first = start();
        changes.send(SessionChange::TokensRefreshed).unwrap();
        let second = start();
        drop(first);
        drop(second);
        assert!(start().changes.try_recv().is_ok());
    }
}
