//! Many scripts, on all cores.

use std::{fmt, ops::Range, panic, thread};

use super::{client::Ours, generate::from_seed, referee::Referee, run::run};

/// A script that broke a rule, and the command that replays it.
#[derive(Debug)]
pub struct Failure {
    seed: u64,
    violation: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, violation } = self;
        write!(f, "{violation}; replay: cargo run -p benches --release --bin soak -- --seed {seed}")
    }
}

/// Plays the scripts of these seeds to the schedule. Returns those that broke a rule.
pub fn play(seeds: Range<u64>) -> Vec<Failure> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|nth| {
                let seeds = (seeds.start + nth..seeds.end).step_by(threads as usize);
                scope.spawn(move || seeds.filter_map(play_one).collect::<Vec<_>>())
            })
            .collect();
        let mut failed: Vec<_> = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|why| panic::resume_unwind(why)))
            .collect();
        failed.sort_by_key(|failure| failure.seed);
        failed
    })
}

fn play_one(seed: u64) -> Option<Failure> {
    let played = panic::catch_unwind(|| {
        let script = from_seed(seed);
        run(&script, Ours::new(seed), Referee::new(&script))
    });
    let violation = played.unwrap_or_else(|_| Err("panicked".to_owned())).err()?;
    Some(Failure { seed, violation })
}
