//! How a probe is set up.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

/// How long a step may take. Browsers give up an Allocate request after about 9 s; a server that takes
/// longer than this is of no use to a call that rings.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// How many steps all of it may take the time of.
const STEPS_IN_ALL: u32 = 3;

/// At how many addresses relays are lent at a time. Each takes two relays, and Synapse's documentation suggests a
/// `user-quota` of 12.
const AT_ONCE: usize = 4;

/// The shortest that a step may be given.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest that a step and all of them may be given. No call waits for so long, and sums of it fit into
/// each clock.
const LONGEST: Duration = Duration::from_secs(3600);

/// How a probe is set up: see [`probe`](crate::probe()).
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    pub(crate) step_timeout: Duration,
    total_limit: Option<Duration>,
    pub(crate) at_once: usize,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    pub(crate) identifies_private: bool,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            step_timeout: STEP_TIMEOUT,
            total_limit: None,
            at_once: AT_ONCE,
            extra_roots: Vec::new(),
            identifies_private: false,
        }
    }
}

impl ProbeOptions {
    /// Five seconds for each step, three times that for all of them, and the certificates that the platform trusts.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long each step may take; at least 100 ms, at most an hour.
    #[must_use]
    pub fn step_timeout(self, limit: Duration) -> Self {
        Self { step_timeout: limit.clamp(SHORTEST, LONGEST), ..self }
    }

    /// How long all of it may take, counted from the first connection: three times the limit of a step,
    /// unless it is set; at most an hour. What is not tried by then is [skipped](crate::Skipped::OutOfTime).
    #[must_use]
    pub fn with_total_limit(self, limit: Duration) -> Self {
        Self { total_limit: Some(limit), ..self }
    }

    /// At how many addresses relays are lent at a time; at least one.
    #[must_use]
    pub fn at_once(self, addresses: usize) -> Self {
        Self { at_once: addresses.max(1), ..self }
    }

    pub(crate) fn total_limit(&self) -> Duration {
        self.total_limit.unwrap_or(self.step_timeout * STEPS_IN_ALL).min(LONGEST)
    }

    /// Certificates of authorities that are trusted beside the platform's. (On Android, which has no
    /// way to trust more, they are ignored.)
    #[must_use]
    pub fn extra_roots(self, roots: Vec<CertificateDer<'static>>) -> Self {
        Self { extra_roots: roots, ..self }
    }

    /// Whether the probe may speak HTTP, TLS and the PROXY protocol to a listener that does not answer TURN,
    /// to find out what it is, also at a loopback or private address; off by default. Allow it for URIs
    /// that the user wrote: a homeserver that hands out URIs could make the probe speak to services of this
    /// machine and of its network.
    #[must_use]
    pub fn identify_private_addresses(self, is_allowed: bool) -> Self {
        Self { identifies_private: is_allowed, ..self }
    }
}
