//! What the simulator plays a script to.

use std::time::Instant;

use fastrand::Rng;
use matrix_sdk_turn::{
    RefreshPolicy, Timestamp, TurnServer, TurnState,
    schedule::{Saved, Schedule},
};
use turn_rules::schedule::Shown;

use super::{homeserver::Reply, referee};

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
    /// The process ends, and another begins in which nobody has subscribed yet.
    fn restart(&mut self);

    /// What it shows of itself, if it is the schedule.
    fn shown(&self, _now: Timestamp) -> Option<Shown> {
        None
    }

    /// What is worth keeping beyond the process.
    fn saved(&self) -> Option<Saved> {
        None
    }

    /// An earlier process left this behind. Returns whether the request is not to be sent because of
    /// it.
    fn restored(&mut self, _now: Timestamp, _saved: &Saved) -> bool {
        false
    }
}

/// The real schedule.
#[derive(Debug)]
pub struct Ours {
    schedule: Schedule,
    /// What the randomness of the next process comes from.
    seeds: Rng,
    skips_idle_wakeups: bool,
}

impl Ours {
    /// With the default policy.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let seeds = rng.fork();
        let schedule = Schedule::new(RefreshPolicy::default(), rng);
        Self { schedule, seeds, skips_idle_wakeups: false }
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

    fn restart(&mut self) {
        self.schedule = Schedule::new(RefreshPolicy::default(), self.seeds.fork());
    }

    fn shown(&self, now: Timestamp) -> Option<Shown> {
        Some(referee::shown(&self.schedule, now))
    }

    fn saved(&self) -> Option<Saved> {
        self.schedule.saved()
    }

    fn restored(&mut self, now: Timestamp, saved: &Saved) -> bool {
        self.schedule.restored(now, saved).is_ok()
    }
}
