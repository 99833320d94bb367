//! Adds up seconds and requests.

use std::time::Duration;

use super::{
    run::{Moment, Note, Observer, Violation},
    script::Event,
};

/// Measures a run from a moment on.
///
/// Truth is the homeserver's: credentials hold until their TTL after the request was sent has
/// passed in true time, whatever the machine's clocks say.
#[derive(Debug, Default)]
pub struct Meter {
    from: Duration,
    /// Since when the state below holds.
    since: Duration,
    subscribers: usize,
    /// When the credentials of the newest answer expire, and what their TTL was.
    newest: Option<(Duration, Duration)>,
    holds_credentials: bool,
    /// Seconds awake, subscribed, and after the first success, without valid credentials.
    pub stale: Duration,
    /// The least share of the TTL that was left, while awake and subscribed.
    pub headroom: Option<f64>,
    /// When each request was sent, from the start of the run on.
    pub request_times: Vec<Duration>,
}

impl Meter {
    /// Measures everything that happens after `from`.
    pub fn new(from: Duration) -> Self {
        Self { from, ..Self::default() }
    }

    /// How many requests were sent.
    pub fn requests(&self) -> u64 {
        self.request_times.iter().filter(|at| **at >= self.from).count() as u64
    }

    /// Adds what passed since the last note.
    fn pass(&mut self, to: Duration) {
        let since = std::mem::replace(&mut self.since, to).max(self.from);
        let Some((expires, ttl)) = self.newest else { return };
        if to <= since || self.subscribers == 0 {
            return;
        }
        let valid = if self.holds_credentials {
            expires.saturating_sub(since).min(to - since)
        } else {
            Duration::ZERO
        };
        let left = if self.holds_credentials { expires.saturating_sub(to) } else { Duration::ZERO };
        self.stale += to - since - valid;
        let headroom = left.as_secs_f64() / ttl.as_secs_f64();
        self.headroom = Some(self.headroom.map_or(headroom, |least| least.min(headroom)));
    }
}

impl Observer for Meter {
    fn note(&mut self, moment: Moment, note: &Note<'_>) -> Result<(), Violation> {
        let elapsed = moment.elapsed;
        match note {
            // Nobody is there to be without credentials.
            Note::Event(Event::Sleep(span)) => {
                self.pass(elapsed.saturating_sub(*span));
                self.since = elapsed;
            }
            _ => self.pass(elapsed),
        }
        match note {
            Note::Event(Event::Subscribe) => self.subscribers += 1,
            Note::Event(Event::Unsubscribe) => {
                self.subscribers = self.subscribers.saturating_sub(1);
            }
            Note::Event(Event::Restart | Event::Reboot) => {
                self.subscribers = 0;
                self.holds_credentials = false;
            }
            Note::Sent => self.request_times.push(elapsed),
            Note::Answered(reply) => {
                if let Some((_, ttl)) = &reply.credentials
                    && !ttl.is_zero()
                    && let Some(sent) = self.request_times.last()
                {
                    self.newest = Some((sent.saturating_add(*ttl), *ttl));
                }
            }
            Note::Published(Some(state)) => self.holds_credentials = state.available().is_some(),
            _ => {}
        }
        Ok(())
    }
}
