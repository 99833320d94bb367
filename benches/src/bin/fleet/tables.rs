//! The figures.

use std::time::Duration;

use benches::{
    fleet::{AfterOutage, Scenario},
    load::Load,
    output::paragraph,
    table::Table,
    words::{span, thousands},
};

use crate::figures::{Figures, LastDay, MINUTE};

pub(crate) fn of(figures: &Figures) -> String {
    let mut parts = vec![paragraph(
        "Requests per second: \"mean\", and \"peak\" for the worst second. \"peak/mean\" is how \
         many times the mean the peak is; \"at random\", how many times it would be if all asked at \
         random; \"minute/mean\", how many times the mean the worst minute has.",
    )];
    for scenario in &figures.scenarios {
        let requests: u64 = scenario.seconds.iter().map(|n| u64::from(*n)).sum();
        parts.push(paragraph(&format!(
            "{}: {} requests in 7 days.",
            scenario.fleet,
            thousands(requests)
        )));
        parts.push(per_cycle(scenario).to_string());
    }
    parts.extend([
        paragraph(
            "Variants of the schedule, restated; TTL 1 h, an outage of 20 min after 12 h. How far \
             the first refresh is spread, in TTLs, and the load from the second TTL to the outage:",
        ),
        spreads(figures).to_string(),
        paragraph(
            "The same; when the first refresh after the outage is due, and the load from a minute \
             after it on:",
        ),
        after_outage(figures).to_string(),
        paragraph(
            "Phones whose app is started 20 times a day, for 2 to 8 min, at any time or from 7:00 to \
             23:00; TTL 24 h. Requests a phone on its eighth day, without persistence and with it:",
        ),
        requests_per_phone(figures).to_string(),
        paragraph("What the homeserver sees of them that day:"),
        load_of_phones(figures).to_string(),
    ]);
    parts.join("\n")
}

fn with_load(first: String) -> Table {
    let load = ["mean", "peak", "peak/mean", "at random", "minute/mean"].map(str::to_owned);
    Table::new([first].into_iter().chain(load))
}

fn load(load: Load) -> [String; 5] {
    let mean = if load.mean < 1_000.0 { format!("{:.1}", load.mean) } else { rounded(load.mean) };
    let [peak, chance, minute] =
        [load.peak_ratio(), load.chance_ratio(), load.minute_ratio()].map(ratio);
    [mean, thousands(load.peak.into()), peak, chance, minute]
}

fn ratio(ratio: f64) -> String {
    if ratio < 1_000.0 { format!("{ratio:.2}") } else { rounded(ratio) }
}

fn rounded(number: f64) -> String {
    thousands(number.round() as u64)
}

/// A cycle is one TTL.
fn per_cycle(scenario: &Scenario) -> Table {
    let Scenario { fleet, seconds } = scenario;
    let cycle = fleet.ttl.as_secs() as usize;
    let cycles: Vec<&[u32]> = seconds.chunks(cycle).collect();
    let mut table = with_load(format!("TTL of {}", span(fleet.ttl)));
    let mut row = |name: String, seconds: &[u32]| {
        table.row([name].into_iter().chain(load(Load::of(seconds))));
    };

    let second = |span: Duration| span.as_secs() as usize;
    let outage = fleet.outage.map(|(from, length)| (second(from), second(from + length)));
    let is_down = |number| {
        outage.is_some_and(|(from, until)| (from / cycle..=until / cycle).contains(&number))
    };
    let is_shown = |number: usize| {
        let by_itself = [0, 1, 2, 9, 99].contains(&number) || number + 1 == cycles.len();
        by_itself || (0..=2).any(|ago| number >= ago && is_down(number - ago))
    };
    for (number, seconds) in cycles.iter().enumerate().filter(|(number, _)| is_shown(*number)) {
        row(format!("{}{}", number + 1, if is_down(number) { ", outage" } else { "" }), seconds);
    }
    match outage {
        None => row("2 to the end".to_owned(), &seconds[cycle..]),
        Some((from, until)) => {
            let settled = until + second(MINUTE);
            row("2 to the outage".to_owned(), &seconds[cycle..from]);
            row("the 20 min of it".to_owned(), &seconds[from..until]);
            row("the minute after".to_owned(), &seconds[until..settled]);
            row("from then on".to_owned(), &seconds[settled..]);
        }
    }
    table
}

fn spread((from, until): (f64, f64)) -> String {
    format!("{from:.3} to {until:.1}")
}

fn ratios(load: Load) -> [String; 2] {
    [load.peak_ratio(), load.minute_ratio()].map(ratio)
}

fn spreads(figures: &Figures) -> Table {
    let mut table = Table::new(["first refresh", "peak/mean", "minute/mean"]);
    for variant in &figures.variants {
        let name = match variant.restated {
            // What comes after the outage makes no difference before it.
            Some(restated) if restated.after_outage != AfterOutage::AsEver => continue,
            Some(restated) => spread(restated.first_refresh),
            None => "the real one".to_owned(),
        };
        table.row([name].into_iter().chain(ratios(variant.before)));
    }
    table
}

fn after_outage(figures: &Figures) -> Table {
    let mut table = Table::new(["after the outage", "first refresh", "peak/mean", "minute/mean"]);
    for variant in &figures.variants {
        let [again, first] = match variant.restated {
            Some(restated) => {
                [again(restated.after_outage).to_owned(), spread(restated.first_refresh)]
            }
            None => ["the real one".to_owned(), "the real one".to_owned()],
        };
        table.row([again, first].into_iter().chain(ratios(variant.after)));
    }
    table
}

fn again(after: AfterOutage) -> &'static str {
    match after {
        AfterOutage::AsEver => "as ever",
        AfterOutage::Spread => "spread again",
        AfterOutage::KeepSlot => "keep the slot",
    }
}

fn started(day: &LastDay) -> &'static str {
    if day.is_at_any_time() { "any time" } else { "7:00..23:00" }
}

fn requests_per_phone(figures: &Figures) -> Table {
    let mut table = Table::new(["started", "not persisted", "persisted"]);
    for days in figures.last_days.chunk_by(|one, other| one.phones.awake == other.phones.awake) {
        let requests = days.iter().map(|day| format!("{:.2}", day.requests_per_phone()));
        table.row(days.iter().take(1).map(|day| started(day).to_owned()).chain(requests));
    }
    table
}

fn load_of_phones(figures: &Figures) -> Table {
    let mut table = with_load("started".to_owned());
    for day in &figures.last_days {
        let persists = if day.phones.persist { ", persisted" } else { "" };
        table.row([format!("{}{persists}", started(day))].into_iter().chain(load(day.load)));
    }
    table
}
