//! The client's own ICE servers, for where the homeserver has nothing.

use thiserror::Error;

use crate::{
    credentials::TurnServer, source::Answer, state::TurnState, unavailable::UnavailableReason,
};

/// ICE servers that nobody can use, given to
/// [`TurnServiceBuilder::fallback`](crate::TurnServiceBuilder::fallback).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "these ICE servers cannot be used: name a stun: URI, or a turn: URI with username and password"
)]
pub struct InvalidFallback;

/// ICE servers of the client's own, and whether the user wants them to be used.
#[derive(Debug, Default)]
pub(super) struct Fallback {
    servers: Option<TurnServer>,
    is_wanted: bool,
}

impl Fallback {
    pub(super) fn new(servers: TurnServer) -> Result<Self, InvalidFallback> {
        let answer =
            Answer::new(servers, std::time::Duration::ZERO).map_err(|_| InvalidFallback)?;
        Ok(Self { servers: Some(answer.server), is_wanted: false })
    }

    pub(super) fn want(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
    }

    /// What there is to use where the homeserver's state is this one.
    pub(super) fn instead_of(&self, state: TurnState) -> TurnState {
        use UnavailableReason::{Misconfigured, NotConfigured};

        match (state, &self.servers) {
            (TurnState::Unavailable(why), Some(servers))
                if self.is_wanted && matches!(why.reason(), NotConfigured | Misconfigured) =>
            {
                TurnState::Fallback { servers: servers.clone(), why }
            }
            (state, _) => state,
        }
    }
}
