//! Prints what a homeserver sees of a million clients that started in the same second, and of a million
//! phones whose app is started many times a day.
//!
//! ```text
//! cargo run -p benches --release --bin fleet -- --plot docs/fleet.svg
//! ```

#![allow(clippy::print_stdout, reason = "a program prints")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use benches::{
    fleet::{AfterOutage, Fleet, Load, Restated, poisson_peak},
    phones::Phones,
    plot,
    table::{Table, thousands},
};
use clap::Parser;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// After so many days, phones that all began without credentials ask as they will for ever.
const DAYS: u32 = 8;
const OUTAGE: Duration = Duration::from_secs(20 * 60);

/// Requests per second of a fleet of clients that started together.
#[derive(Parser)]
struct Args {
    /// How many clients
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    clients: u32,
    /// A twentieth of the clients, for a first look
    #[arg(long)]
    short: bool,
    /// Draw requests per second over time into this file
    #[arg(long, value_name = "OUT.SVG")]
    plot: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let clients = if args.short { args.clients.div_ceil(20) } else { args.clients };
    let length = 7 * DAY;
    println!("{} clients, 7 days.\n", thousands(u64::from(clients)));

    let mut drawn = Vec::new();
    for ttl in [HOUR, DAY] {
        for outage in [None, Some((3 * DAY, OUTAGE))] {
            let fleet = Fleet { clients, ttl, length, outage };
            let started = Instant::now();
            let seconds = fleet.requests_per_second();
            let took = started.elapsed().as_secs_f64();

            let title = format!(
                "TTL {}, {}",
                plot::span(ttl),
                if outage.is_some() { "an outage of 20 min on day 4" } else { "no outage" }
            );
            let requests: u64 = seconds.iter().map(|n| u64::from(*n)).sum();
            println!("{title}: {} requests, simulated in {took:.1} s\n", thousands(requests));
            println!("{}", per_cycle(&fleet, &seconds));
            drawn.push((title, seconds));
        }
    }

    println!("Variants of the schedule, restated; TTL 1 h, 20 min of outage after 12 h, 1 day:\n");
    println!("{}", variants(clients));

    let started = Instant::now();
    let table = persisted(clients);
    let took = started.elapsed().as_secs_f64();
    println!("Phones whose app is started 20 times a day, for 2 to 8 min; TTL 24 h; day {DAYS};");
    println!("simulated in {took:.1} s:\n");
    println!("{table}");

    if let Some(path) = args.plot {
        plot::fleet(&path, &drawn).with_context(|| format!("cannot draw {}", path.display()))?;
        println!("Drawn: {}", path.display());
    }
    Ok(())
}

const LOAD: [&str; 6] =
    ["mean /s", "peak /s", "peak/mean", "ideal peak/mean", "peak minute /s", "peak minute/mean"];

fn load(seconds: &[u32]) -> [String; 6] {
    let load = Load::of(seconds);
    let ideal = f64::from(poisson_peak(load.mean, seconds.len()));
    [
        format!("{:.1}", load.mean),
        thousands(u64::from(load.peak)),
        format!("{:.2}", f64::from(load.peak) / load.mean),
        format!("{:.2}", ideal / load.mean),
        format!("{:.1}", load.peak_minute),
        format!("{:.2}", load.peak_minute / load.mean),
    ]
}

/// A cycle is one TTL.
fn per_cycle(fleet: &Fleet, seconds: &[u32]) -> Table {
    let cycle = fleet.ttl.as_secs() as usize;
    let cycles: Vec<&[u32]> = seconds.chunks(cycle).collect();
    let mut table = Table::new(["cycle"].into_iter().chain(LOAD));
    let mut row = |name: String, seconds: &[u32]| {
        table.row([name].into_iter().chain(load(seconds)));
    };

    let outage = fleet.outage.map(|(from, length)| {
        (from.as_secs() as usize / cycle, (from + length).as_secs() as usize / cycle)
    });
    let shown = |number: usize| {
        let by_itself = [0, 1, 2, 3, 4, 9, 49, 99].contains(&number) || number + 1 == cycles.len();
        by_itself || outage.is_some_and(|(first, last)| (first..=last + 3).contains(&number))
    };
    for (number, seconds) in cycles.iter().enumerate().filter(|(number, _)| shown(*number)) {
        let down = outage.is_some_and(|(first, last)| (first..=last).contains(&number));
        row(format!("{}{}", number + 1, if down { ", outage" } else { "" }), seconds);
    }
    match fleet.outage {
        None => row("2 to the end".to_owned(), &seconds[cycle..]),
        Some((from, length)) => {
            let (from, until) = (from.as_secs() as usize, (from + length).as_secs() as usize);
            row("2 to the outage".to_owned(), &seconds[cycle..from]);
            row("the 20 min of it".to_owned(), &seconds[from..until]);
            let settled = until + MINUTE.as_secs() as usize;
            row("the minute after".to_owned(), &seconds[until..settled]);
            row("from then on".to_owned(), &seconds[settled..]);
        }
    }
    table
}

/// What the homeserver sees of phones on their last day, with and without credentials that outlive the
/// app's process.
fn persisted(clients: u32) -> Table {
    let mut table =
        Table::new(["started", "persisted", "requests a phone"].into_iter().chain(LOAD));
    for (started, awake) in
        [("at any time", (Duration::ZERO, DAY)), ("7:00..23:00", (7 * HOUR, 23 * HOUR))]
    {
        for persist in [false, true] {
            // Without, one day is as the other.
            let days = if persist { DAYS } else { 1 };
            let phones = Phones { clients, ttl: DAY, days, starts: 20, awake, persist };
            let seconds = phones.requests_per_second();
            let last_day = &seconds[seconds.len() - DAY.as_secs() as usize..];
            let requests: u64 = last_day.iter().map(|n| u64::from(*n)).sum();
            let requests = format!("{:.2}", requests as f64 / f64::from(clients));
            let labels = [started.to_owned(), if persist { "yes" } else { "no" }.to_owned()];
            table.row(labels.into_iter().chain([requests]).chain(load(last_day)));
        }
    }
    table
}

fn variants(clients: u32) -> Table {
    let begins = 12 * HOUR;
    let fleet = Fleet { clients, ttl: HOUR, length: DAY, outage: Some((begins, OUTAGE)) };
    let [hour, begins, after] =
        [HOUR, begins, begins + OUTAGE + MINUTE].map(|span| span.as_secs() as usize);

    let mut table = Table::new([
        "first refresh in",
        "after an outage",
        "peak/mean from the 2nd TTL on",
        "peak minute/mean",
        "peak/mean 1 min after the outage",
        "peak minute/mean after",
    ]);
    let mut row = |name: &str, again: &str, seconds: &[u32]| {
        let [_, _, peak, _, _, minute] = load(&seconds[hour..begins]);
        let [_, _, peak_after, _, _, minute_after] = load(&seconds[after..]);
        table.row([name.to_owned(), again.to_owned(), peak, minute, peak_after, minute_after]);
    };
    for (name, first_refresh) in
        [("0.200..0.7", (0.2, 0.7)), ("0.033..0.7", (0.7 - 2.0 / 3.0, 0.7))]
    {
        for (again, after_outage) in [
            ("as ever", AfterOutage::AsEver),
            ("spread again", AfterOutage::Spread),
            ("keep the slot", AfterOutage::KeepSlot),
        ] {
            let restated = Restated { first_refresh, after_outage };
            row(name, again, &fleet.requests_per_second_restated(restated));
        }
    }
    row("the real schedule", "keep the slot", &fleet.requests_per_second());
    table
}
