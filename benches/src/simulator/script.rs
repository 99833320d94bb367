//! What happens in a run.

use std::time::{Duration, SystemTime};

use super::{clock::WallShift, homeserver::Phase, store::Persistence};

/// Everything that happens in a run, and when, in true time since the start.
#[derive(Clone, Debug)]
pub struct Script {
    /// The seed of everything that is random about the homeserver and the client.
    pub seed: u64,
    /// What the wall clock shows at the start.
    pub wall: SystemTime,
    /// How the homeserver answers. The first phase begins at the start.
    pub phases: Vec<Phase>,
    /// What happens on the client's side, in order.
    pub events: Vec<(Duration, Event)>,
    /// Whether credentials outlive the process.
    pub persistence: Persistence,
    /// When the run ends.
    pub length: Duration,
    /// Set if the script is one outage of an otherwise healthy homeserver and nothing else, so that
    /// the bound on stale time can be told beforehand.
    pub outage: Option<Outage>,
    /// Set if the homeserver is healthy, and somebody subscribed, for long enough before the end
    /// that there must be credentials.
    pub ends_well: bool,
}

/// The one outage of a script.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// How long it lasts.
    pub length: Duration,
    /// How long the request that ends it takes, at most.
    pub latency: Duration,
}

/// What happens on the client's side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// Somebody subscribes, perhaps as one more.
    Subscribe,
    /// One subscriber leaves, if there is one.
    Unsubscribe,
    /// `refresh()`.
    Refresh,
    /// `report_rejected()` of the credentials in use.
    RejectCurrent,
    /// `report_rejected()` of credentials that never were in use.
    RejectOthers,
    /// The machine sleeps for so long.
    Sleep(Duration),
    /// Somebody sets the wall clock.
    SetWall(WallShift),
    /// The process ends. Another begins at once, but does nothing before somebody subscribes to it:
    /// until then there might as well be none.
    Restart,
    /// The same, and the monotonic clock starts over.
    Reboot,
}

impl Script {
    /// One subscriber, from the start on, to a homeserver that is healthy all the time.
    pub fn healthy(seed: u64, ttl: Duration, length: Duration) -> Self {
        Self {
            seed,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            phases: vec![Phase::healthy(Duration::ZERO, ttl)],
            events: vec![(Duration::ZERO, Event::Subscribe)],
            persistence: Persistence::None,
            length,
            outage: None,
            ends_well: true,
        }
    }
}
