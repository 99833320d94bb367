//! The credentials that are held, for as long as they are valid: rules S2 and S6.

use std::time::Duration;

use crate::{
    clock::{Deadline, Timestamp},
    credentials::TurnServer,
    policy::RefreshPolicy,
};

/// Credentials, and when they were asked for. Their expiry is [`TurnServer`]'s to know.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) server: TurnServer,
    sent: Timestamp,
    /// Zero: not known.
    ttl: Duration,
    /// A TURN server did not accept them.
    pub(super) is_rejected: bool,
}

impl Held {
    /// What the homeserver answered to the request of the moment `sent`.
    pub(super) fn new(server: &TurnServer, sent: Timestamp, ttl: Duration) -> Self {
        let server = server.expiring(expiry(sent, ttl));
        Self { server, sent, ttl, is_rejected: false }
    }

    /// The homeserver answered the same credentials again. A rejection of them stands.
    pub(super) fn extend(&mut self, sent: Timestamp, ttl: Duration) {
        self.server.extend(expiry(sent, ttl));
        (self.sent, self.ttl) = (sent, ttl);
    }

    /// Whether they are as good as any: valid, not rejected, and no older than the steady state
    /// lets credentials become.
    pub(super) fn is_fresh(&self, policy: &RefreshPolicy, now: Timestamp) -> bool {
        let oldest = match self.ttl {
            Duration::ZERO => policy.retry.max,
            ttl => ttl.mul_f64(policy.refresh_at + policy.jitter),
        };
        self.is_usable(now) && !Deadline::after(self.sent, oldest).is_reached(now)
    }

    /// Whether they are valid, and no TURN server said otherwise.
    pub(super) fn is_usable(&self, now: Timestamp) -> bool {
        !self.server.is_expired(now) && !self.is_rejected
    }
}

fn expiry(sent: Timestamp, ttl: Duration) -> Option<Deadline> {
    (!ttl.is_zero()).then(|| Deadline::after(sent, ttl))
}
