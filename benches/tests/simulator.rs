//! The simulator itself: the same script gives the same run, what it leaves out changes nothing, and the
//! referee reports breaches.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use benches::simulator::{
    Event, Log, Meter, Moment, Note, Observer, Ours, Outage, Phase, Referee, ReplyKind, Script,
    VirtualClock, from_seed, run,
};

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

#[test]
fn a_breach_is_reported_with_the_name_of_the_rule() {
    let script = Script::healthy(1, Duration::from_secs(3_600), Duration::from_secs(60));
    let moment = Moment { elapsed: Duration::ZERO, now: VirtualClock::new(script.wall).now() };
    let begins = Referee::new(&script).note(moment, &Note::Looked { begins: true });
    assert_eq!(begins.unwrap_err(), "S11: a request without a subscriber");
}

#[test]
fn no_credentials_at_the_end_of_a_script_that_ends_well() {
    let mut script = Script::healthy(1, Duration::from_secs(3_600), Duration::from_secs(7_200));
    script.phases[0].mix = vec![(ReplyKind::NetworkError, 1.0)];
    let breach = run(&script, Ours::new(1), Referee::new(&script)).unwrap_err();
    assert_eq!(breach, "a subscriber to a healthy homeserver ends up with nothing");
}

#[test]
fn no_credentials_for_longer_than_the_outage_explains() {
    let mut script = Script::healthy(1, Duration::from_secs(3_600), Duration::from_secs(14_400));
    // It is said to last for no time, and lasts to the end.
    script.phases.push(Phase {
        from: Duration::from_secs(60),
        mix: vec![(ReplyKind::NetworkError, 1.0)],
        ..script.phases[0].clone()
    });
    script.outage = Some(Outage { length: Duration::ZERO, latency: Duration::from_secs(1) });
    let breach = run(&script, Ours::new(1), Referee::new(&script)).unwrap_err();
    assert!(breach.starts_with("stale for"), "{breach}");
}
