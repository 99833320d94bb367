//! What there is to use right now: credentials, or the reason why there are none.

use crate::{
    credentials::TurnServer,
    unavailable::{Unavailable, UnavailableReason},
};

/// What there is to use right now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
#[non_exhaustive]
pub enum TurnState {
    /// Credentials that are valid.
    Available(TurnServer),
    /// ICE servers of the client's own, since the homeserver has none. Only in a service that was
    /// [given some](crate::TurnServiceBuilder::fallback), and while the user
    /// [wants them used](crate::TurnService::use_fallback).
    Fallback {
        /// The client's own ICE servers. Their operator learns the user's address.
        servers: TurnServer,
        /// Why there are none of the homeserver's.
        why: Unavailable,
    },
    /// None, and why.
    Unavailable(Unavailable),
}

impl TurnState {
    /// What to use, if there is anything: the homeserver's, or the client's own.
    pub fn available(&self) -> Option<&TurnServer> {
        match self {
            Self::Available(server) | Self::Fallback { servers: server, .. } => Some(server),
            Self::Unavailable(_) => None,
        }
    }

    /// The reason why there is nothing to use, if there is nothing.
    pub fn unavailable(&self) -> Option<&Unavailable> {
        match self {
            Self::Available(_) | Self::Fallback { .. } => None,
            Self::Unavailable(why) => Some(why),
        }
    }

    /// What to use, or the reason why there is nothing.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn into_result(self) -> Result<TurnServer, Unavailable> {
        match self {
            Self::Available(server) | Self::Fallback { servers: server, .. } => Ok(server),
            Self::Unavailable(why) => Err(why),
        }
    }

    /// The same for somebody who is not to be given the client's own ICE servers.
    #[cfg(feature = "widget")]
    pub(crate) fn without_fallback(self) -> Self {
        match self {
            Self::Fallback { why, .. } => Self::Unavailable(why),
            state => state,
        }
    }

    /// Whether a stream ends after this state: the session has ended, or the service's runtime has.
    pub(crate) fn is_final(&self) -> bool {
        use UnavailableReason::{LoggedOut, RuntimeEnded};

        self.unavailable().is_some_and(|why| matches!(why.reason(), LoggedOut | RuntimeEnded))
    }

    /// Whether the other says the same to somebody who keeps it: credentials that came back after
    /// they had expired have another expiry.
    fn says_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Available(server), Self::Available(other)) => server.shares_expiry_with(other),
            (this, other) => this == other,
        }
    }
}

impl From<TurnState> for Result<TurnServer, Unavailable> {
    fn from(state: TurnState) -> Self {
        state.into_result()
    }
}

/// The last state that somebody was told.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(crate) struct Seen(Option<TurnState>);

impl Seen {
    /// Whether this state says something else than the last one.
    pub(crate) fn is_news(&self, state: &TurnState) -> bool {
        !self.0.as_ref().is_some_and(|seen| state.says_the_same_as(seen))
    }

    /// The last state.
    pub(crate) fn last(&self) -> Option<&TurnState> {
        self.0.as_ref()
    }

    /// From now on, this state is the last one.
    pub(crate) fn note(&mut self, state: &TurnState) {
        self.0 = Some(state.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_result() {
        let server = TurnServer::new(vec!["turn:a".to_owned()], "u", "p");
        let available = TurnState::Available(server.clone());
        assert_eq!((available.available(), available.unavailable()), (Some(&server), None));
        assert_eq!(available.into_result(), Ok(server));

        let why = Unavailable::from(UnavailableReason::Forbidden);
        assert_eq!(why, Unavailable::new(UnavailableReason::Forbidden));
        let unavailable = TurnState::Unavailable(why.clone());
        assert_eq!((unavailable.available(), unavailable.unavailable()), (None, Some(&why)));
        assert_eq!(Result::from(unavailable), Err(why));
    }
}
