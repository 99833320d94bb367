//! Prints how long a client is without valid credentials, by refresh policy, TTL and trouble.
//!
//! ```text
//! cargo run -p benches --release --bin freshness -- --plot docs/freshness.svg
//! ```

#![allow(clippy::print_stdout, reason = "a program prints")]

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use benches::{
    freshness::{Measured, Policy, TTLS, Trouble, measure},
    plot,
    table::{Table, thousands},
};
use clap::Parser;

/// Stale seconds, least headroom and requests of four refresh policies.
#[derive(Parser)]
struct Args {
    /// At how many moments of the cycle the trouble is let begin; as many again right before a
    /// request
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    moments: u64,
    /// A tenth of the moments, for a first look
    #[arg(long)]
    short: bool,
    /// Draw the stale seconds into this file
    #[arg(long, value_name = "OUT.SVG")]
    plot: Option<PathBuf>,
}

/// One TTL and one trouble, with what each policy made of it.
type Row = (Duration, Trouble, [Measured; 4]);

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let moments = if args.short { args.moments.div_ceil(10) } else { args.moments };

    let mut rows = Vec::new();
    for ttl in TTLS {
        for trouble in Trouble::ALL {
            let measured = Policy::ALL.map(|policy| measure(policy, ttl, trouble, moments));
            rows.push((ttl, trouble, measured));
        }
    }

    println!(
        "Stale seconds, at the worst moment, in the 24 h from the beginning of the trouble:\n"
    );
    println!("{}", table(&rows, Some("bound"), |cell| seconds(cell.stale)));
    println!("Least headroom, in % of the TTL:\n");
    println!("{}", table(&rows, None, |cell| format!("{:.1}", 100.0 * cell.headroom)));
    println!("Requests per TTL, where 1 is the minimum:\n");
    println!("{}", table(&rows, None, |cell| format!("{:.2}", cell.requests)));
    println!("matrix-sdk-turn, stale seconds where requests are refused, and where they hang:\n");
    println!("{}", hanging(moments));

    if let Some(path) = args.plot {
        let stale: Vec<_> = rows
            .iter()
            .map(|(ttl, trouble, measured)| (*ttl, *trouble, measured.map(|cell| cell.stale)))
            .collect();
        plot::freshness(&path, &stale)
            .with_context(|| format!("cannot draw {}", path.display()))?;
        println!("Drawn: {}", path.display());
    }
    Ok(())
}

fn table(rows: &[Row], bound: Option<&str>, cell: impl Fn(&Measured) -> String) -> Table {
    let header = ["TTL", "trouble"].map(str::to_owned).into_iter();
    let policies = Policy::ALL.iter().map(ToString::to_string);
    let mut table = Table::new(header.chain(bound.map(str::to_owned)).chain(policies));
    for (ttl, trouble, measured) in rows {
        let labels = [span(*ttl), trouble.to_string()].into_iter();
        let bound = bound.map(|_| seconds(trouble.unreachable_bound(*ttl)));
        table.row(labels.chain(bound).chain(measured.iter().map(&cell)));
    }
    table
}

/// The target: stale for at most `max(0, L - 0.28 TTL) + 10 s`.
fn hanging(moments: u64) -> Table {
    let mut table =
        Table::new(["TTL", "outage", "max(0, L - 0.28 TTL) + 10", "refused", "hanging"]);
    for ttl in TTLS {
        for minutes in [1, 5, 20] {
            let length = Duration::from_secs(60 * minutes);
            let target = length.saturating_sub(ttl.mul_f64(0.28)) + Duration::from_secs(10);
            let stale = |trouble| seconds(measure(Policy::Ours, ttl, trouble, moments).stale);
            table.row([
                span(ttl),
                format!("{minutes} min"),
                seconds(target),
                stale(Trouble::Outage(length)),
                stale(Trouble::HangingOutage(length)),
            ]);
        }
    }
    table
}

fn seconds(span: Duration) -> String {
    let tenths = (span.as_secs_f64() * 10.0).round() as u64;
    format!("{}.{}", thousands(tenths / 10), tenths % 10)
}

fn span(span: Duration) -> String {
    plot::span(span)
}
