//! What the simulator plays a script to.

use std::time::Instant;

use fastrand::Rng;
use matrix_sdk_turn::{RefreshPolicy, Timestamp, TurnServer, TurnState, schedule::Schedule};

use super::homeserver::Reply;

/// Something that keeps TURN credentials: the real schedule, or a peer's policy restated.
pub trait Client {
    /// The first subscriber came, or one more.
    fn subscribe(&mut self, now: Timestamp);
    /// The last subscriber left.
    fn unsubscribe(&mut self);
    /// `refresh()`.
    fn refresh(&mut self, now: Timestamp);
    /// `report_rejected()`.
    fn report_rejected(&mut self, now: Timestamp, server: &TurnServer);
    /// A request was answered, or ran into its timeout.
    fn answered(&mut self, now: Timestamp, reply: Reply);
    /// What subscribers see from now on, if that changed.
    fn take_update(&mut self, now: Timestamp) -> Option<TurnState>;
    /// Whether there is nothing to see yet.
    fn is_waiting_for_outcome(&self) -> bool;
    /// Whether it sends a request now.
    fn begin_request(&mut self, now: Timestamp) -> bool;
    /// What its timer is set to.
    fn next_wakeup(&self, now: Timestamp) -> Option<Instant>;
}

/// The real schedule.
#[derive(Debug)]
pub struct Ours {
    schedule: Schedule,
    skips_idle_wakeups: bool,
}

impl Ours {
    /// With the default policy.
    pub fn new(seed: u64) -> Self {
        let rng = Rng::with_seed(seed);
        Self { schedule: Schedule::new(RefreshPolicy::default(), rng), skips_idle_wakeups: false }
    }

    /// The same, but it sleeps through the wake-ups at which nothing is due, as the fleet does.
    pub fn skipping_idle_wakeups(seed: u64) -> Self {
        Self { skips_idle_wakeups: true, ..Self::new(seed) }
    }
}

impl Client for Ours {
    fn subscribe(&mut self, now: Timestamp) {
        self.schedule.subscribe(now);
    }

    fn unsubscribe(&mut self) {
        self.schedule.unsubscribe();
    }

    fn refresh(&mut self, now: Timestamp) {
        self.schedule.refresh(now);
    }

    fn report_rejected(&mut self, now: Timestamp, server: &TurnServer) {
        self.schedule.report_rejected(now, server);
    }

    fn answered(&mut self, now: Timestamp, reply: Reply) {
        self.schedule.answered(now, reply.into_answer());
    }

    fn take_update(&mut self, now: Timestamp) -> Option<TurnState> {
        self.schedule.take_update(now)
    }

    fn is_waiting_for_outcome(&self) -> bool {
        self.schedule.is_waiting_for_outcome()
    }

    fn begin_request(&mut self, now: Timestamp) -> bool {
        self.schedule.begin_request(now)
    }

    fn next_wakeup(&self, now: Timestamp) -> Option<Instant> {
        if self.skips_idle_wakeups {
            return self.schedule.next_due(now).map(|due| now.monotonic + due);
        }
        self.schedule.next_wakeup(now)
    }
}
