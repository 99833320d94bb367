//! The refresh policies of three other clients, restated from what they do, to be measured beside
//! ours on the same homeserver.
//!
//! Each trusts one clock, and goes on handing out credentials after they expired.

use std::time::{Duration, Instant, SystemTime};

use matrix_sdk_turn::{Timestamp, TurnServer, TurnState};

use crate::simulator::{Client, Reply, ReplyKind};

/// A refresh policy.
pub trait Policy {
    /// When the next request is due, now that one was answered or a timer went off.
    fn next(&mut self, now: Timestamp, outcome: Outcome) -> Next;
}

/// What a [`Policy`] decides on.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// Credentials, for so long.
    Success(Duration),
    /// The homeserver answered something else.
    HttpError,
    /// It did not answer.
    NetworkError,
    /// The timer went off.
    Timer,
}

/// What a [`Policy`] decides.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// Ask now.
    Ask,
    /// Look again when the monotonic clock says so.
    WaitUntil(Instant),
}

/// matrix-js-sdk: a timer every 600 s; asks when at most 600 s are left by the wall clock.
#[derive(Debug, Default)]
pub struct MatrixJsSdk {
    expires: Option<SystemTime>,
    timer: Option<Instant>,
}

impl MatrixJsSdk {
    const INTERVAL: Duration = Duration::from_secs(600);
}

impl Policy for MatrixJsSdk {
    fn next(&mut self, now: Timestamp, outcome: Outcome) -> Next {
        let timer = self.timer.get_or_insert(now.monotonic + Self::INTERVAL);
        match outcome {
            Outcome::Success(ttl) => self.expires = Some(now.wall + ttl),
            Outcome::HttpError | Outcome::NetworkError => {}
            Outcome::Timer => {
                if now.monotonic < *timer {
                    return Next::WaitUntil(*timer);
                }
                *timer += Self::INTERVAL;
                if self.expires.is_none_or(|expires| expires <= now.wall + Self::INTERVAL) {
                    return Next::Ask;
                }
            }
        }
        Next::WaitUntil(*timer)
    }
}

/// hydrogen-web: waits the whole TTL. After an HTTP error 300 s; after a network error the TTL again.
#[derive(Debug)]
pub struct HydrogenWeb {
    ttl: Duration,
}

impl HydrogenWeb {
    const AFTER_HTTP_ERROR: Duration = Duration::from_secs(300);
}

impl Default for HydrogenWeb {
    fn default() -> Self {
        Self { ttl: Self::AFTER_HTTP_ERROR }
    }
}

impl Policy for HydrogenWeb {
    fn next(&mut self, now: Timestamp, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Success(ttl) => self.ttl = ttl,
            Outcome::HttpError => return Next::WaitUntil(now.monotonic + Self::AFTER_HTTP_ERROR),
            Outcome::NetworkError => {}
            Outcome::Timer => return Next::Ask,
        }
        Next::WaitUntil(now.monotonic + self.ttl)
    }
}

/// google-cloud-rust's token cache: asks 240 s before expiry; every 10 s while at most 240 s are
/// left; 10 s after an error.
#[derive(Debug, Default)]
pub struct GoogleCloudRust;

impl GoogleCloudRust {
    const BEFORE_EXPIRY: Duration = Duration::from_secs(240);
    const SHORT: Duration = Duration::from_secs(10);
}

impl Policy for GoogleCloudRust {
    fn next(&mut self, now: Timestamp, outcome: Outcome) -> Next {
        let wait = match outcome {
            Outcome::Success(ttl) if ttl > Self::BEFORE_EXPIRY => ttl - Self::BEFORE_EXPIRY,
            Outcome::Success(_) | Outcome::HttpError | Outcome::NetworkError => Self::SHORT,
            Outcome::Timer => return Next::Ask,
        };
        Next::WaitUntil(now.monotonic + wait)
    }
}

/// A client that goes by another policy than ours.
#[derive(Debug)]
pub struct Peer<P> {
    policy: P,
    subscribed: bool,
    next: Next,
    in_flight: bool,
    update: Option<TurnState>,
}

impl<P: Policy> Peer<P> {
    /// A client that goes by `policy`, from its first subscriber on.
    pub fn new(policy: P) -> Self {
        Self { policy, subscribed: false, next: Next::Ask, in_flight: false, update: None }
    }
}

impl<P: Policy + Default> Client for Peer<P> {
    fn subscribe(&mut self, _now: Timestamp) {
        self.subscribed = true;
    }

    fn unsubscribe(&mut self) {
        self.subscribed = false;
    }

    // None of them has anything like it.
    fn refresh(&mut self, _now: Timestamp) {}
    fn report_rejected(&mut self, _now: Timestamp, _server: &TurnServer) {}

    fn answered(&mut self, now: Timestamp, reply: Reply) {
        self.in_flight = false;
        let outcome = match (reply.credentials, reply.kind) {
            (Some((server, ttl)), _) => {
                self.update = Some(TurnState::Available(server));
                Outcome::Success(ttl)
            }
            (None, ReplyKind::NetworkError | ReplyKind::Hang) => Outcome::NetworkError,
            (None, _) => Outcome::HttpError,
        };
        self.next = self.policy.next(now, outcome);
    }

    fn take_update(&mut self, _now: Timestamp) -> Option<TurnState> {
        self.update.take()
    }

    fn is_waiting_for_outcome(&self) -> bool {
        false
    }

    fn begin_request(&mut self, now: Timestamp) -> bool {
        if !self.subscribed || self.in_flight {
            return false;
        }
        if let Next::WaitUntil(due) = self.next
            && now.monotonic >= due
        {
            self.next = self.policy.next(now, Outcome::Timer);
        }
        self.in_flight = matches!(self.next, Next::Ask);
        self.in_flight
    }

    fn next_wakeup(&self, _now: Timestamp) -> Option<Instant> {
        match self.next {
            Next::WaitUntil(due) if self.subscribed && !self.in_flight => Some(due),
            _ => None,
        }
    }

    fn restart(&mut self) {
        *self = Self::new(P::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::{Meter, Script, run};

    const HOUR: Duration = Duration::from_secs(3600);

    fn steady(policy: impl Policy + Default, ttl: Duration) -> Meter {
        let mut meter = Meter::new(24 * HOUR);
        run(&Script::healthy(1, ttl, 48 * HOUR), Peer::new(policy), &mut meter).unwrap();
        meter
    }

    /// As measured on its own code in virtual time: 48% and 88%.
    #[test]
    fn matrix_js_sdk_is_stale_as_its_own_code_is() {
        for (ttl, share) in [(300, 0.50), (60, 0.90)] {
            let stale = steady(MatrixJsSdk::default(), Duration::from_secs(ttl)).stale;
            let measured = stale.as_secs_f64() / (24.0 * 3600.0);
            assert!((measured - share).abs() < 0.03, "{measured}");
        }
    }

    #[test]
    fn hydrogen_web_asks_once_per_ttl_and_is_late_each_time() {
        let meter = steady(HydrogenWeb::default(), HOUR);
        assert_eq!(meter.requests(), 24);
        assert!(meter.stale > Duration::ZERO && meter.stale < Duration::from_secs(24));
    }

    #[test]
    fn google_cloud_rust_asks_every_ten_seconds_for_the_last_four_minutes() {
        let meter = steady(GoogleCloudRust, Duration::from_secs(60));
        assert_eq!(meter.stale, Duration::ZERO);
        assert!((8_400..8_640).contains(&meter.requests()), "{}", meter.requests());
    }
}
