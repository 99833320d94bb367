//! What the figures say, in sentences.

use std::time::Duration;

use benches::{
    freshness::{Policy, TTLS, Trouble},
    output,
    words::{list, seconds, span},
};

use crate::figures::{Figures, Outage, Row};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

pub(crate) fn of(figures: &Figures) -> String {
    let own = [steady, outage, inevitable, asleep, failing, short].map(|finding| finding(figures));
    let fresher = others().filter_map(|policy| fresher(figures, policy));
    output::findings(own.into_iter().chain(fresher))
}

fn steady(figures: &Figures) -> String {
    let ours: Vec<_> = figures.steady().map(|row| row.of(Policy::Ours)).collect();
    let headroom = ours.iter().map(|cell| cell.headroom).fold(1.0, f64::min);
    let requests = ours.iter().map(|cell| cell.requests).fold(0.0, f64::max);
    format!(
        "Without trouble, a client of matrix-sdk-turn lacks valid credentials for {} s a day, \
         whatever the TTL. At least {:.1}% of the TTL is always left, for {requests:.2} requests \
         per TTL.",
        seconds(worst(ours.iter().map(|cell| cell.stale))),
        100.0 * headroom,
    )
}

fn outage(figures: &Figures) -> String {
    let trouble = Trouble::Outage(20 * MINUTE);
    let stale = |policy| seconds(figures.of(policy, HOUR, trouble).stale);
    let others: Vec<_> = others().map(|policy| format!("{} s ({policy})", stale(policy))).collect();
    format!(
        "At a TTL of 1 h, an outage of 20 min at the worst moment leaves it without them for {} s. \
         With the others' policies it is {}.",
        stale(Policy::Ours),
        list(&others)
    )
}

fn inevitable(figures: &Figures) -> String {
    let excess =
        |outage: &Outage| outage.refused.max(outage.hanging).saturating_sub(outage.inevitable());
    format!(
        "An outage of length L leaves it without them for {} s longer than max(0, L - 0.28 TTL) at \
         most, whatever the TTL, whether requests are refused or hang.",
        seconds(worst(figures.outages.iter().map(excess)))
    )
}

fn asleep(figures: &Figures) -> String {
    let asleep = figures.rows.iter().filter(|row| matches!(row.trouble, Trouble::Sleep(_)));
    format!(
        "After 8 h asleep it has valid credentials again within {} s.",
        seconds(worst(asleep.map(|row| row.of(Policy::Ours).stale)))
    )
}

fn failing(figures: &Figures) -> String {
    let stale = TTLS.map(|ttl| {
        let stale = figures.of(Policy::Ours, ttl, Trouble::TenthFails).stale;
        format!("{} s at a TTL of {}", seconds(stale), span(ttl))
    });
    format!("While one request in ten fails, it lacks them each day for {}.", list(&stale))
}

fn short(figures: &Figures) -> String {
    let short = figures.short.iter().map(|(ttl, measured)| {
        let percent = 100.0 * measured.headroom;
        format!("{} s at a TTL of {} ({percent:.0}% left)", seconds(measured.stale), span(*ttl))
    });
    format!(
        "It asks every 10 s at most. So at short TTLs less is left, or nothing, even without \
         trouble. It lacks them each day for {}.",
        list(&short.collect::<Vec<_>>())
    )
}

/// Where another policy leaves a client without valid credentials for less time, and what that costs.
fn fresher(figures: &Figures, policy: Policy) -> Option<String> {
    let fresher = |row: &&Row| row.of(policy).stale < row.of(Policy::Ours).stale;
    let mut ttls: Vec<_> = figures.rows.iter().filter(fresher).map(|row| row.ttl).collect();
    ttls.dedup();
    let requests = |ttl| format!("{:.2}", figures.of(policy, ttl, Trouble::NONE).requests);
    let requests: Vec<_> = ttls.iter().copied().map(requests).collect();
    let ttls: Vec<_> = ttls.into_iter().map(span).collect();
    (!ttls.is_empty()).then(|| {
        format!(
            "{policy} does better in some trouble at a TTL of {}, where it asks {} times per TTL.",
            list(&ttls),
            list(&requests)
        )
    })
}

fn others() -> impl Iterator<Item = Policy> {
    Policy::ALL.into_iter().filter(|policy| *policy != Policy::Ours)
}

fn worst(stale: impl Iterator<Item = Duration>) -> Duration {
    stale.max().unwrap_or_default()
}
