//! Plays scripts out of seeds to the schedule, and has a referee watch: thousands in a second.
//!
//! ```text
//! cargo run -p benches --release --bin soak -- --scripts 1000000
//! cargo run -p benches --release --bin soak -- --seed 42
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::{process::ExitCode, time::Instant};

use benches::simulator::{Log, Ours, Referee, from_seed, run, soak};
use clap::Parser;

/// Checks the schedule's rules on arbitrary scripts.
#[derive(Parser)]
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
    if let Some(seed) = args.seed {
        return replay(seed);
    }
    let started = Instant::now();
    let failed = soak::play(args.from..args.from.saturating_add(args.scripts));
    println!(
        "{} scripts in {:.1} s, {} broke a rule",
        args.scripts,
        started.elapsed().as_secs_f64(),
        failed.len()
    );
    for failure in failed.iter().take(20) {
        println!("{failure}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(seed: u64) -> ExitCode {
    let script = from_seed(seed);
    println!("{script:#?}");
    let mut log = Log::default();
    let result = run(&script, Ours::new(seed), (&mut log, Referee::new(&script)));
    print!("{}", log.lines());
    match result {
        Ok(()) => {
            println!("seed {seed}: every rule was kept");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("seed {seed}: {violation}");
            ExitCode::FAILURE
        }
    }
}
