//! The durations the schedule goes by, each with its reason.

use std::time::Duration;

use thiserror::Error;

/// The durations the schedule goes by.
///
/// The defaults suit every client we know of. [`RefreshPolicy::builder`] changes some of them, for
/// tests, or for a deployment with needs of its own:
///
/// ```
/// use std::time::Duration;
///
/// use matrix_sdk_turn::RefreshPolicy;
///
/// let policy = RefreshPolicy::builder()
///     .refresh_at(0.5)
///     .not_configured_interval(Duration::from_secs(600))
///     .build()?;
/// # Ok::<(), matrix_sdk_turn::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RefreshPolicy {
    pub(crate) refresh_at: f64,
    pub(crate) jitter: f64,
    pub(crate) floor: Duration,
    pub(crate) retry: RetryDelays,
    pub(crate) not_configured_interval: Duration,
    pub(crate) refused_interval: Duration,
    pub(crate) max_timer: Duration,
    pub(crate) request_timeout: Duration,
}

/// The ceilings of the delay after transient failures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RetryDelays {
    /// Of the first.
    pub(crate) min: Duration,
    /// Of any, while credentials are valid.
    pub(crate) max: Duration,
    /// Of any, without valid credentials.
    pub(crate) max_expired: Duration,
}

/// Two thirds of the TTL: a third is left to ride out an outage, at 1.5 requests per TTL.
const REFRESH_AT: f64 = 2.0 / 3.0;

/// 5% of the TTL to either side, so that clients which asked in the same second do not do so again.
const JITTER: f64 = 0.05;

/// A homeserver that hands out a TTL of a few seconds must not make every client ask every second.
const FLOOR: Duration = Duration::from_secs(10);

/// A homeserver that restarts is back within seconds.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// One request a minute is no burden even for a homeserver in trouble.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Without credentials, calls fail: ask more often.
const RETRY_MAX_EXPIRED: Duration = Duration::from_secs(10);

/// A TURN server is configured by a person, who can wait an hour or restart the client.
const NOT_CONFIGURED_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Long enough that opening calls in a row asks once, short enough that a user need not restart the
/// client after an administrator has granted access or configured a TURN server.
const REFUSED_INTERVAL: Duration = Duration::from_secs(5 * 60);

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            refresh_at: REFRESH_AT,
            jitter: JITTER,
            floor: FLOOR,
            retry: RetryDelays { min: RETRY_MIN, max: RETRY_MAX, max_expired: RETRY_MAX_EXPIRED },
            not_configured_interval: NOT_CONFIGURED_INTERVAL,
            refused_interval: REFUSED_INTERVAL,
            max_timer: Self::MAX_TIMER,
            request_timeout: Self::REQUEST_TIMEOUT,
        }
    }
}

impl RefreshPolicy {
    /// Timers stand still while a machine sleeps: what remains of this one is how late a machine that
    /// woke up notices.
    pub(crate) const MAX_TIMER: Duration = Duration::from_secs(30);

    /// A request that was sent as an outage ended hangs for this long, and the next one follows up
    /// to two seconds later: credentials are back within 10 s.
    pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

    /// Starts from the defaults.
    pub fn builder() -> RefreshPolicyBuilder {
        RefreshPolicyBuilder { policy: Self::default() }
    }

    /// The share of the TTL after which credentials are refreshed: 2/3.
    pub fn refresh_at(&self) -> f64 {
        self.refresh_at
    }

    /// The share of the TTL by which a refresh is early or late at random: 0.05.
    pub fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The least time between a success and the next request: 10 s.
    pub fn floor(&self) -> Duration {
        self.floor
    }

    /// The ceiling of the first delay after a transient failure: 1 s.
    pub fn retry_min(&self) -> Duration {
        self.retry.min
    }

    /// The ceiling of the delay after transient failures while credentials are valid: 60 s.
    pub fn retry_max(&self) -> Duration {
        self.retry.max
    }

    /// The ceiling of the delay after transient failures without valid credentials: 10 s.
    pub fn retry_max_expired(&self) -> Duration {
        self.retry.max_expired
    }

    /// How often a homeserver without TURN servers is asked whether it has one: 1 h.
    pub fn not_configured_interval(&self) -> Duration {
        self.not_configured_interval
    }

    /// How long after the homeserver refused TURN, or said that it has none, a new subscriber makes
    /// the library ask again: 5 min.
    pub fn refused_interval(&self) -> Duration {
        self.refused_interval
    }

    /// The longest any timer is set for: 30 s.
    pub fn max_timer(&self) -> Duration {
        self.max_timer
    }

    /// How long a source may take to answer: 8 s.
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }
}

/// Changes some of a [`RefreshPolicy`]'s durations. Nonsense is refused by
/// [`build`](Self::build).
#[derive(Clone, Copy, Debug)]
#[must_use = "`build` makes the policy"]
pub struct RefreshPolicyBuilder {
    policy: RefreshPolicy,
}

/// Why a [`RefreshPolicyBuilder`] refused to build a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} is {given}: it must be {expected}")]
pub struct InvalidPolicy {
    name: &'static str,
    given: String,
    expected: String,
}

impl RefreshPolicyBuilder {
    /// The share of the TTL after which credentials are refreshed: 2/3. At least 0.1, and at most
    /// 0.9 together with the [`jitter`](Self::jitter).
    pub fn refresh_at(mut self, share: f64) -> Self {
        self.policy.refresh_at = share;
        self
    }

    /// The share of the TTL by which a refresh is early or late at random: 0.05.
    pub fn jitter(mut self, share: f64) -> Self {
        self.policy.jitter = share;
        self
    }

    /// The least time between a success and the next request: 10 s. From 1 s to 1 h.
    pub fn floor(mut self, floor: Duration) -> Self {
        self.policy.floor = floor;
        self
    }

    /// The ceiling of the first delay after a transient failure, doubled by each further one: 1 s.
    /// From 100 ms to [`retry_max`](Self::retry_max).
    pub fn retry_min(mut self, delay: Duration) -> Self {
        self.policy.retry.min = delay;
        self
    }

    /// The ceiling of the delay after transient failures while credentials are valid: 60 s. At most
    /// 1 h.
    pub fn retry_max(mut self, delay: Duration) -> Self {
        self.policy.retry.max = delay;
        self
    }

    /// The ceiling of the delay after transient failures once there are no valid credentials: 10 s.
    /// From [`retry_min`](Self::retry_min) to [`retry_max`](Self::retry_max).
    pub fn retry_max_expired(mut self, delay: Duration) -> Self {
        self.policy.retry.max_expired = delay;
        self
    }

    /// How often a homeserver without TURN servers is asked whether it has one: 1 h. From 1 min to
    /// 1 day.
    pub fn not_configured_interval(mut self, interval: Duration) -> Self {
        self.policy.not_configured_interval = interval;
        self
    }

    /// How long after the homeserver refused TURN, or said that it has none, a new subscriber makes
    /// the library ask again: 5 min. From 10 s to 1 day.
    pub fn refused_interval(mut self, interval: Duration) -> Self {
        self.policy.refused_interval = interval;
        self
    }

    /// The longest any timer is set for, and so how late a machine that woke up notices: 30 s, which
    /// is also the most. At least 1 s.
    pub fn max_timer(mut self, span: Duration) -> Self {
        self.policy.max_timer = span;
        self
    }

    /// How long a source may take to answer: 8 s. From 1 s to 1 min. (A
    /// [`HomeserverSource`](crate::HomeserverSource) gives up by itself after 8 s.)
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.policy.request_timeout = timeout;
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// Says which value makes no sense, and what would.
    pub fn build(self) -> Result<RefreshPolicy, InvalidPolicy> {
        const SECOND: Duration = Duration::from_secs(1);
        const MINUTE: Duration = Duration::from_secs(60);
        const HOUR: Duration = Duration::from_secs(60 * 60);
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);

        let policy = self.policy;
        let RefreshPolicy { refresh_at, jitter, retry, .. } = policy;

        let most_jitter = (0.9 - refresh_at).min(refresh_at);
        for (name, given, least, most) in
            [("refresh_at", refresh_at, 0.1, 0.9), ("jitter", jitter, 0.0, most_jitter)]
        {
            // Not a number is in no range.
            if !(least..=most).contains(&given) {
                let expected = format!("from {least:.2} to {most:.2}");
                return Err(InvalidPolicy { name, given: given.to_string(), expected });
            }
        }

        for (name, given, least, most) in [
            ("floor", policy.floor, SECOND, HOUR),
            ("retry_max", retry.max, SECOND, HOUR),
            ("retry_min", retry.min, Duration::from_millis(100), retry.max),
            ("retry_max_expired", retry.max_expired, retry.min, retry.max),
            ("not_configured_interval", policy.not_configured_interval, MINUTE, DAY),
            ("refused_interval", policy.refused_interval, 10 * SECOND, DAY),
            ("max_timer", policy.max_timer, SECOND, RefreshPolicy::MAX_TIMER),
            ("request_timeout", policy.request_timeout, SECOND, MINUTE),
        ] {
            if !(least..=most).contains(&given) {
                let expected = format!("from {least:?} to {most:?}");
                return Err(InvalidPolicy { name, given: format!("{given:?}"), expected });
            }
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_policy() {
        assert_eq!(RefreshPolicy::builder().build(), Ok(RefreshPolicy::default()));
    }

    #[test]
    fn what_was_set_can_be_read() {
        let secs = Duration::from_secs;
        let policy = RefreshPolicy::builder()
            .refresh_at(0.5)
            .jitter(0.1)
            .floor(secs(11))
            .retry_min(secs(2))
            .retry_max(secs(70))
            .retry_max_expired(secs(12))
            .not_configured_interval(secs(120))
            .refused_interval(secs(13))
            .max_timer(secs(29))
            .request_timeout(secs(7))
            .build()
            .unwrap();
        assert_eq!((policy.refresh_at(), policy.jitter()), (0.5, 0.1));
        let spans = [
            policy.floor(),
            policy.retry_min(),
            policy.retry_max(),
            policy.retry_max_expired(),
            policy.not_configured_interval(),
            policy.refused_interval(),
            policy.max_timer(),
            policy.request_timeout(),
        ];
        assert_eq!(spans, [11, 2, 70, 12, 120, 13, 29, 7].map(secs));
    }

    #[test]
    fn the_limits_are_within_the_range_and_a_second_more_is_not() {
        const HOUR: u64 = 60 * 60;
        const DAY: u64 = 24 * HOUR;
        type Set = fn(RefreshPolicyBuilder, Duration) -> RefreshPolicyBuilder;

        let limits: [(Set, u64); 6] = [
            (RefreshPolicyBuilder::floor, HOUR),
            (RefreshPolicyBuilder::retry_max, HOUR),
            (RefreshPolicyBuilder::not_configured_interval, DAY),
            (RefreshPolicyBuilder::refused_interval, DAY),
            (RefreshPolicyBuilder::max_timer, 30),
            (RefreshPolicyBuilder::request_timeout, 60),
        ];
        for (set, most) in limits {
            let with = |secs| set(RefreshPolicy::builder(), Duration::from_secs(secs)).build();
            assert!(with(most).is_ok(), "{most} s");
            assert!(with(most + 1).is_err(), "{most} s");
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_would_do() {
        let builder = RefreshPolicy::builder;
        let zero = Duration::ZERO;
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let refused = [
            (builder().refresh_at(f64::NAN), "refresh_at"),
            (builder().refresh_at(1.0), "refresh_at"),
            (builder().jitter(0.5), "jitter"),
            (builder().jitter(-0.1), "jitter"),
            (builder().floor(zero), "floor"),
            (builder().retry_min(zero), "retry_min"),
            (builder().retry_min(year), "retry_min"),
            (builder().retry_max(year), "retry_max"),
            (builder().retry_max_expired(zero), "retry_max_expired"),
            (builder().not_configured_interval(zero), "not_configured_interval"),
            (builder().refused_interval(zero), "refused_interval"),
            (builder().max_timer(zero), "max_timer"),
            (builder().request_timeout(zero), "request_timeout"),
        ];
        for (builder, name) in refused {
            assert_eq!(builder.build().unwrap_err().name, name);
        }
        assert_eq!(
            builder().max_timer(zero).build().unwrap_err().to_string(),
            "max_timer is 0ns: it must be from 1s to 30s"
        );
    }
}
