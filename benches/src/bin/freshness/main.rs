//! Prints how long a client is without valid credentials, by refresh policy, TTL and trouble.
//!
//! ```text
//! cargo run -p benches --release --bin freshness -- \
//!   --plot docs/freshness.svg --plot-hour docs/freshness-1h.svg
//! ```

mod figures;
mod summary;
mod tables;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use benches::{output, plot};
use clap::Parser;

use crate::figures::Figures;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How long a client is without valid credentials, with four refresh policies
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Args {
    /// At how many moments of the cycle the trouble is let begin; as many again right before a
    /// request
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    moments: u64,
    /// A tenth of the moments, for a first look
    #[arg(long)]
    short: bool,
    /// Draw the time without valid credentials into this file
    #[arg(long, value_name = "OUT.SVG")]
    plot: Option<PathBuf>,
    /// Draw the same at a TTL of 1 h alone
    #[arg(long, value_name = "OUT.SVG")]
    plot_hour: Option<PathBuf>,
}

fn main() -> ExitCode {
    output::end(run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let moments = if args.short { args.moments.div_ceil(10) } else { args.moments };
    let figures = Figures::measure(moments);
    output::print(&format!("{}\n{}", summary::of(&figures), tables::of(&figures)))?;
    draw(args.plot.as_ref(), &figures.stale(|_| true))?;
    draw(args.plot_hour.as_ref(), &figures.stale(|ttl| ttl == HOUR))?;
    Ok(ExitCode::SUCCESS)
}

fn draw(path: Option<&PathBuf>, stale: &[plot::Stale]) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    plot::freshness(path, stale).with_context(|| format!("cannot draw {}", path.display()))?;
    output::print(&format!("\nDrawn: {}\n", path.display()))
}
