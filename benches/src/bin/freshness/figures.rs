//! What is measured.

use std::time::Duration;

use benches::{
    freshness::{Measured, Policy, TTLS, Trouble, measure},
    plot,
    progress::Progress,
    words::span,
};

const MINUTE: Duration = Duration::from_secs(60);

/// How long the homeserver lets requests hang.
const HANGING: [Duration; 3] = [MINUTE, Duration::from_secs(5 * 60), Duration::from_secs(20 * 60)];

/// TTLs around 15 s, below which the floor of 10 s between two requests is longer than 2/3 of them.
const SHORT: [u64; 5] = [5, 9, 10, 12, 15];

/// One TTL and one trouble, with what each policy made of it.
pub(crate) struct Row {
    pub(crate) ttl: Duration,
    pub(crate) trouble: Trouble,
    pub(crate) measured: [Measured; 4],
}

impl Row {
    pub(crate) fn of(&self, policy: Policy) -> Measured {
        self.measured[policy as usize]
    }
}

/// An outage of this length, with our stale time where it refuses connections, and where it lets
/// requests hang.
pub(crate) struct Outage {
    pub(crate) ttl: Duration,
    pub(crate) length: Duration,
    pub(crate) refused: Duration,
    pub(crate) hanging: Duration,
}

impl Outage {
    /// What remains of the outage when credentials expire that were refreshed as late as can be: the
    /// jitter puts the refresh off to 0.717 of the TTL.
    pub(crate) fn inevitable(&self) -> Duration {
        self.length.saturating_sub(self.ttl.mul_f64(0.28))
    }
}

/// All of it.
pub(crate) struct Figures {
    pub(crate) rows: Vec<Row>,
    pub(crate) outages: Vec<Outage>,
    /// Ours at short TTLs, without trouble.
    pub(crate) short: Vec<(Duration, Measured)>,
}

impl Figures {
    pub(crate) fn measure(moments: u64) -> Self {
        let steps = TTLS.len() * (Trouble::ALL.len() + HANGING.len()) + SHORT.len();
        let progress = Progress::new(steps as u64);
        let mut figures = Self { rows: Vec::new(), outages: Vec::new(), short: Vec::new() };
        let step = |ttl, trouble| progress.step(format_args!("TTL {}, {trouble}", span(ttl)));
        for ttl in TTLS {
            for trouble in Trouble::ALL {
                step(ttl, trouble);
                let measured = Policy::ALL.map(|policy| measure(policy, ttl, trouble, moments));
                figures.rows.push(Row { ttl, trouble, measured });
            }
            for length in HANGING {
                let trouble = Trouble::HangingOutage(length);
                step(ttl, trouble);
                let refused = figures.of(Policy::Ours, ttl, Trouble::Outage(length)).stale;
                let hanging = measure(Policy::Ours, ttl, trouble, moments).stale;
                figures.outages.push(Outage { ttl, length, refused, hanging });
            }
        }
        for ttl in SHORT.map(Duration::from_secs) {
            step(ttl, Trouble::NONE);
            figures.short.push((ttl, measure(Policy::Ours, ttl, Trouble::NONE, moments)));
        }
        figures
    }

    pub(crate) fn of(&self, policy: Policy, ttl: Duration, trouble: Trouble) -> Measured {
        let wanted = |row: &&Row| row.ttl == ttl && row.trouble == trouble;
        self.rows.iter().find(wanted).expect("measured at every TTL").of(policy)
    }

    /// The rows without trouble, one per TTL.
    pub(crate) fn steady(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.trouble == Trouble::NONE)
    }

    /// What is drawn, of some TTLs.
    pub(crate) fn stale(&self, shown: impl Fn(Duration) -> bool) -> Vec<plot::Stale> {
        let rows = self.rows.iter().filter(|row| shown(row.ttl));
        rows.map(|row| (row.ttl, row.trouble, row.measured.map(|cell| cell.stale))).collect()
    }
}
