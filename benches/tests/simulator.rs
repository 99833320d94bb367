//! The simulator itself: the same script gives the same run, and what it leaves out changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use benches::simulator::{Event, Log, Meter, Ours, Script, from_seed, run};

#[test]
fn the_same_seed_gives_the_same_run() {
    let play = |seed| {
        let mut log = Log::default();
        run(&from_seed(seed), Ours::new(seed), &mut log).unwrap();
        log.lines().to_owned()
    };
    for seed in 0..100 {
        assert_eq!(play(seed), play(seed));
    }
    assert_ne!(play(0), play(1));
}

/// What the fleet relies on: it skips the wake-ups at which nothing is due.
#[test]
fn an_idle_wakeup_changes_nothing() {
    let request_times = |script: &Script, client| {
        let mut meter = Meter::new(Duration::ZERO);
        run(script, client, &mut meter).unwrap();
        meter.request_times
    };
    let awake = |script: &Script| {
        let mut events = script.events.iter();
        events.all(|(_, event)| !matches!(event, Event::Sleep(_) | Event::SetWall(_)))
    };
    let scripts: Vec<_> = (0..2_000).map(from_seed).filter(awake).collect();
    assert!(scripts.len() > 500);
    for script in scripts {
        assert_eq!(
            request_times(&script, Ours::new(script.seed)),
            request_times(&script, Ours::skipping_idle_wakeups(script.seed)),
            "seed {}",
            script.seed
        );
    }
}
