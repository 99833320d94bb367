//! How long a client is without valid credentials, and what that costs, by policy, TTL and trouble.

use std::{fmt, thread, time::Duration};

use crate::{
    peers::{GoogleCloudRust, HydrogenWeb, MatrixJsSdk, Peer},
    simulator::{Event, Meter, Ours, Phase, ReplyKind, Script, run},
    words::span,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The share of the TTL that is left to a client that refreshes at 2/3 of it.
const LEFT_AT_REFRESH: f64 = 1.0 - 2.0 / 3.0;

/// The TTLs that are measured.
pub const TTLS: [Duration; 5] =
    [Duration::from_secs(30), MINUTE, Duration::from_secs(5 * 60), HOUR, DAY];

/// Whose schedule is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// This crate's.
    Ours,
    /// See [`MatrixJsSdk`].
    MatrixJsSdk,
    /// See [`HydrogenWeb`].
    HydrogenWeb,
    /// See [`GoogleCloudRust`].
    GoogleCloudRust,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Ours, Self::MatrixJsSdk, Self::HydrogenWeb, Self::GoogleCloudRust];
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ours => "matrix-sdk-turn",
            Self::MatrixJsSdk => "matrix-js-sdk",
            Self::HydrogenWeb => "hydrogen-web",
            Self::GoogleCloudRust => "google-cloud-rust",
        })
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Connections are refused for so long.
    Outage(Duration),
    /// Requests are never answered for so long.
    HangingOutage(Duration),
    /// The machine sleeps for so long.
    Sleep(Duration),
    /// One request in ten is answered with a 5xx, all the time.
    TenthFails,
}

impl Trouble {
    /// Nothing.
    pub const NONE: Self = Self::Outage(Duration::ZERO);

    /// What is measured.
    pub const ALL: [Self; 6] = [
        Self::NONE,
        Self::Outage(MINUTE),
        Self::Outage(Duration::from_secs(5 * 60)),
        Self::Outage(Duration::from_secs(20 * 60)),
        Self::Sleep(Duration::from_secs(8 * 60 * 60)),
        Self::TenthFails,
    ];

    /// The least time without valid credentials, at the worst moment, that is possible for a client
    /// that refreshes at 2/3 of the TTL: the rest of an outage that begins right before the refresh.
    /// A client that refreshes sooner goes below it.
    pub fn least_at_two_thirds(self, ttl: Duration) -> Option<Duration> {
        match self {
            Self::Outage(length) | Self::HangingOutage(length) => {
                Some(length.saturating_sub(ttl.mul_f64(LEFT_AT_REFRESH)))
            }
            Self::Sleep(_) | Self::TenthFails => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outage(Duration::ZERO) => f.write_str("no trouble"),
            Self::Outage(length) => write!(f, "down for {}", span(*length)),
            Self::HangingOutage(length) => write!(f, "hanging for {}", span(*length)),
            Self::Sleep(length) => write!(f, "asleep for {}", span(*length)),
            Self::TenthFails => f.write_str("10% fail"),
        }
    }
}

/// What was measured in the 24 hours from the beginning of the trouble, in the worst of all the runs,
/// each of which had it begin at another moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// The most seconds without valid credentials, while awake and subscribed.
    pub stale: Duration,
    /// The least share of the TTL that was left.
    pub headroom: f64,
    /// Requests per TTL of time awake, in the mean of the moments that were spread evenly. The
    /// minimum is 1: nobody who is never stale gets by with less.
    pub requests: f64,
}

/// Measures `policy` in `trouble`. The trouble begins at `moments` moments spread over one cycle, and
/// in as many more runs right before a request.
pub fn measure(policy: Policy, ttl: Duration, trouble: Trouble, moments: u64) -> Measured {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let meters: Vec<[Meter; 2]> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|nth| {
                scope.spawn(move || {
                    let seeds = (nth..moments).step_by(threads as usize);
                    seeds.map(|seed| at_moment(policy, ttl, trouble, seed, moments)).collect()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| -> Vec<_> {
                worker.join().unwrap_or_else(|why| std::panic::resume_unwind(why))
            })
            .collect()
    });

    // A day that begins right before a request has one more than most: it would spoil the mean.
    let requests: u64 = meters.iter().map(|[evenly, _]| evenly.requests()).sum();
    let ttls = meters.len() as f64 * DAY.as_secs_f64() / ttl.as_secs_f64();
    let meters = meters.as_flattened();
    Measured {
        stale: meters.iter().map(|meter| meter.stale).max().unwrap_or_default(),
        headroom: meters.iter().filter_map(|meter| meter.headroom).fold(1.0, f64::min),
        requests: requests as f64 / ttls,
    }
}

fn at_moment(
    policy: Policy,
    ttl: Duration,
    trouble: Trouble,
    seed: u64,
    moments: u64,
) -> [Meter; 2] {
    // Long enough for every policy to reach its steady state.
    let warm = 3 * ttl + 20 * MINUTE;
    let cycle = ttl.max(10 * MINUTE);
    let evenly = warm + cycle.mul_f64(seed as f64 / moments as f64);

    let undisturbed = play(policy, &Script::healthy(seed, ttl, warm + 2 * cycle), warm);
    let ahead: Vec<_> = undisturbed.request_times.iter().filter(|at| **at > evenly).collect();
    let before_request =
        ahead.first().map_or(evenly, |at| at.saturating_sub(Duration::from_millis(1)));

    [evenly, before_request].map(|begins| play(policy, &script(seed, ttl, trouble, begins), begins))
}

/// Trouble that begins at `begins`, and 24 hours awake from then on.
fn script(seed: u64, ttl: Duration, trouble: Trouble, begins: Duration) -> Script {
    let mut script = Script::healthy(seed, ttl, begins + DAY);
    let healthy = script.phases[0].clone();
    let troubled = |kind| Phase { from: begins, mix: vec![(kind, 1.0)], ..healthy.clone() };
    match trouble {
        Trouble::Outage(length) => {
            script.phases.push(troubled(ReplyKind::NetworkError));
            script.phases.push(Phase { from: begins + length, ..healthy });
        }
        Trouble::HangingOutage(length) => {
            script.phases.push(troubled(ReplyKind::Hang));
            script.phases.push(Phase { from: begins + length, ..healthy });
        }
        Trouble::Sleep(span) => {
            script.events.push((begins, Event::Sleep(span)));
            script.length += span;
        }
        Trouble::TenthFails => {
            let mix = vec![(ReplyKind::Credentials, 0.9), (ReplyKind::HttpError, 0.1)];
            script.phases.push(Phase { from: begins, mix, ..healthy });
        }
    }
    script
}

fn play(policy: Policy, script: &Script, from: Duration) -> Meter {
    let mut meter = Meter::new(from);
    let played = match policy {
        Policy::Ours => run(script, Ours::new(script.seed), &mut meter),
        Policy::MatrixJsSdk => run(script, Peer::new(MatrixJsSdk::default()), &mut meter),
        Policy::HydrogenWeb => run(script, Peer::new(HydrogenWeb::default()), &mut meter),
        Policy::GoogleCloudRust => run(script, Peer::new(GoogleCloudRust), &mut meter),
    };
    debug_assert_eq!(played, Ok(()), "a meter objects to nothing");
    meter
}
