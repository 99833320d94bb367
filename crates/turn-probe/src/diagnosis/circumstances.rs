//! What is known of where credentials come from.

use std::time::{Duration, SystemTime};

use super::setup::Homeserver;

/// Where credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// A homeserver, right now.
    Homeserver,
    /// A homeserver, some time ago.
    Saved,
    /// The command line or a form.
    Given,
}

/// What is known of where credentials come from: what [`diagnose`](crate::diagnose) cannot see in steps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Circumstances {
    /// Where the credentials come from.
    pub origin: Origin,
    /// How long they are said to hold from the moment they were handed over; `None` if that is not known.
    pub ttl: Option<Duration>,
    /// When that was, by the clock of this machine.
    pub asked_at: SystemTime,
    /// When that was, by the clock of the homeserver (the `Date` of its answers); `None` if it is not
    /// known.
    pub homeserver_clock: Option<SystemTime>,
    /// When they were saved, if they come from a file.
    pub saved_at: Option<SystemTime>,
    /// The homeserver's software.
    pub homeserver: Homeserver,
}

impl Circumstances {
    /// Credentials that were handed over just now, without a lifetime.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            ttl: None,
            asked_at: SystemTime::now(),
            homeserver_clock: None,
            saved_at: None,
            homeserver: Homeserver::Unknown,
        }
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

    /// With the time at which they were saved.
    #[must_use]
    pub fn with_saved_at(self, saved_at: Option<SystemTime>) -> Self {
        Self { saved_at, ..self }
    }

    /// With the homeserver's software.
    #[must_use]
    pub fn with_homeserver(self, homeserver: Homeserver) -> Self {
        Self { homeserver, ..self }
    }
}
