//! Plays scripts out of seeds to the schedule, and has a referee watch: thousands in a second.
//!
//! ```text
//! cargo run -p benches --release --bin soak -- --scripts 1000000
//! cargo run -p benches --release --bin soak -- --seed 42
//! ```

use std::process::ExitCode;

use benches::{
    output::{self, paragraph},
    progress::Progress,
    simulator::{Log, Ours, Referee, from_seed, run, soak},
    words::thousands,
};
use clap::Parser;

/// So many scripts are a step of the progress.
const STEP: u64 = 1_000;

/// So many that broke a rule are named.
const NAMED: usize = 20;

/// Checks the schedule's rules on arbitrary scripts
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Args {
    /// How many scripts to play
    #[arg(long, default_value_t = 100_000, conflicts_with = "seed")]
    scripts: u64,
    /// The first script's seed; the others follow it
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// Play the script of this seed alone, and print what happens
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (text, all_kept) = match args.seed {
        Some(seed) => replay(seed),
        None => play(args.from, args.scripts),
    };
    let status = if all_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::end(output::print(&text).map(|()| status))
}

/// What is said of these scripts, and whether all of them kept every rule.
fn play(from: u64, scripts: u64) -> (String, bool) {
    let until = from.saturating_add(scripts);
    let scripts = until - from;
    let progress = Progress::new(scripts.div_ceil(STEP));
    let mut failed = Vec::new();
    for first in (from..until).step_by(STEP as usize) {
        progress.step(format_args!("from seed {first}, {} broke a rule", failed.len()));
        failed.extend(soak::play(first..first.saturating_add(STEP).min(until)));
    }
    let kept = scripts - failed.len() as u64;
    let mut text =
        format!("{} of {} scripts kept every rule\n", thousands(kept), thousands(scripts));
    text.extend(failed.iter().take(NAMED).map(|failure| paragraph(&failure.to_string())));
    (text, failed.is_empty())
}

/// What happens in this script, and whether it kept every rule.
fn replay(seed: u64) -> (String, bool) {
    let script = from_seed(seed);
    let mut log = Log::default();
    let played = run(&script, Ours::new(seed), (&mut log, Referee::new(&script)));
    let finding = match &played {
        Ok(()) => "every rule was kept",
        Err(violation) => violation,
    };
    let finding = paragraph(&format!("seed {seed}: {finding}"));
    (format!("{script:#?}\n{}{finding}", log.lines()), played.is_ok())
}
