//! Prints what a homeserver sees of a million clients that started in the same second, and of a million
//! phones whose app is started many times a day.
//!
//! ```text
//! cargo run -p benches --release --bin fleet -- --plot docs/fleet.svg
//! ```

mod figures;
mod summary;
mod tables;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use benches::{output, plot};
use clap::Parser;

use crate::figures::Figures;

/// Requests per second of a fleet of clients that started together
#[derive(Parser)]
#[command(max_term_width = 80)]
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

fn main() -> ExitCode {
    output::end(run(&Args::parse()))
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let clients = if args.short { args.clients.div_ceil(20) } else { args.clients };
    let figures = Figures::measure(clients);
    output::print(&format!("{}\n{}", summary::of(&figures), tables::of(&figures)))?;
    if let Some(path) = &args.plot {
        plot::fleet(path, &figures.scenarios)
            .with_context(|| format!("cannot draw {}", path.display()))?;
        output::print(&format!("\nDrawn: {}\n", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
