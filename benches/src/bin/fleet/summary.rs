//! What the figures say, in sentences.

use benches::{
    fleet::AfterOutage,
    output,
    words::{span, thousands},
};

use crate::figures::{DAY, Figures, HOUR, LastDay};

pub(crate) fn of(figures: &Figures) -> String {
    output::findings([together(figures), seldom(figures), outage(figures), phones(figures)])
}

fn together(figures: &Figures) -> String {
    let settled = figures.scenario(HOUR, false).settled();
    format!(
        "{} clients that start in the same second ask evenly from the second TTL on. At a TTL of \
         1 h their worst second has {:.2} times the mean load; if they asked at random, it would be \
         {:.2} times.",
        thousands(figures.clients.into()),
        settled.peak_ratio(),
        settled.chance_ratio(),
    )
}

fn seldom(figures: &Figures) -> String {
    let settled = figures.scenario(DAY, false).settled();
    format!(
        "At a TTL of 24 h they send {:.1} requests a second. So few requests scatter more: the worst second \
         has {:.2} times the mean load, and {:.2} times at random. The worst minute has {:.2} times.",
        settled.mean,
        settled.peak_ratio(),
        settled.chance_ratio(),
        settled.minute_ratio(),
    )
}

fn outage(figures: &Figures) -> String {
    let scenario = figures.scenario(HOUR, true);
    format!(
        "After an outage of {} they ask evenly again within a minute: from then on the worst second \
         has {:.2} times the mean load. It would be {:.2} times if each client counted on from its \
         first success, and {:.2} times if each drew a moment anew.",
        span(scenario.fleet.outage.map(|(_, length)| length).unwrap_or_default()),
        scenario.settled().peak_ratio(),
        figures.after(AfterOutage::AsEver).peak_ratio(),
        figures.after(AfterOutage::Spread).peak_ratio(),
    )
}

fn phones(figures: &Figures) -> String {
    let day = |persist: bool| {
        let mut of_it = figures.last_days.iter().filter(move |day| day.phones.persist == persist);
        of_it.find(|day| day.is_at_any_time()).map_or(f64::NAN, LastDay::requests_per_phone)
    };
    format!(
        "A phone whose app is started 20 times a day asks {:.2} times a day at a TTL of 24 h, and \
         {:.2} times if it persists its credentials.",
        day(false),
        day(true),
    )
}
