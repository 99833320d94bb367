//! What is known of how credentials were come by.

use std::time::{Duration, SystemTime};

/// Who handed credentials over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A homeserver, right now.
    Homeserver,
    /// A homeserver, some time ago.
    Saved,
    /// Somebody who knows them by heart.
    Given,
}

/// What is known of how credentials were come by: what [`diagnose`](crate::diagnose) cannot see in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Circumstances {
    /// Who handed the credentials over.
    pub origin: Origin,
    /// How long they are said to hold from the moment they were handed over; `None` if nobody said.
    pub ttl: Option<Duration>,
    /// When that was, by the clock of this machine.
    pub asked_at: SystemTime,
    /// When that was, by the clock of the homeserver (the `Date` of its answers); `None` if it is not
    /// known.
    pub homeserver_clock: Option<SystemTime>,
}

impl Circumstances {
    /// Credentials that were handed over just now, without a lifetime.
    pub fn new(origin: Origin) -> Self {
        Self { origin, ttl: None, asked_at: SystemTime::now(), homeserver_clock: None }
    }

    /// With the lifetime that was said; zero means that it is not known.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl).filter(|ttl| !ttl.is_zero()), ..self }
    }

    /// With the homeserver's clock, as it stood when this machine's stood at `asked_at`.
    #[must_use]
    pub fn with_clocks(self, asked_at: SystemTime, homeserver_clock: Option<SystemTime>) -> Self {
        Self { asked_at, homeserver_clock, ..self }
    }
}
