//! What no homeserver and no clock should say, and what comes of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use benches::simulator::{
    Event, Meter, Ours, Phase, Referee, ReplyKind, Script, VirtualClock, WallShift, run,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Plays the script by all rules, and measures from the start on.
fn measured(script: &Script) -> Meter {
    let mut meter = Meter::new(Duration::ZERO);
    run(script, Ours::new(script.seed), (&mut meter, Referee::new(script))).unwrap();
    meter
}

/// How long after the one before each request was sent.
fn gaps(meter: &Meter) -> Vec<u64> {
    let times = &meter.request_times;
    times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect()
}

fn only(kind: ReplyKind, length: Duration) -> Script {
    let mut script = Script::healthy(1, HOUR, length);
    script.phases[0].mix = vec![(kind, 1.0)];
    script.ends_well = false;
    script
}

#[test]
fn s03_a_ttl_of_0_is_usable_and_asked_again_after_10_20_40_and_60_seconds() {
    let meter = measured(&Script::healthy(1, Duration::ZERO, HOUR));
    assert_eq!(gaps(&meter)[..5], [10, 20, 40, 60, 60]);
}

#[test]
fn s03_a_ttl_of_1_second_is_asked_for_every_10_seconds() {
    let mut script = Script::healthy(1, SECOND, HOUR);
    script.ends_well = false;
    let meter = measured(&script);
    assert!(gaps(&meter).iter().all(|gap| *gap == 10), "{:?}", gaps(&meter));
    // Credentials are missing for nine of ten seconds, which no client can help. The referee made
    // sure that nobody was left with expired ones.
    assert!(meter.stale > HOUR / 2);
}

#[test]
fn s13_a_ttl_of_2_to_the_64_seconds_counts_as_30_days() {
    let script = Script::healthy(1, Duration::from_secs(u64::MAX), 90 * DAY);
    let meter = measured(&script);
    let days = gaps(&meter).iter().map(|gap| gap / DAY.as_secs()).collect::<Vec<_>>();
    assert!(days[1..].iter().all(|days| (18..=21).contains(days)), "{days:?}");
}

#[test]
fn s05_a_retry_after_of_a_year_counts_as_an_hour_whatever_anybody_calls() {
    let mut script = only(ReplyKind::RateLimited(Some(YEAR)), 30 * DAY);
    script.events.extend((1..30).flat_map(|day| {
        [Event::Refresh, Event::Subscribe, Event::SetWall(WallShift::Forward(HOUR))]
            .map(|event| (day * DAY, event))
    }));
    let mut meter = Meter::new(Duration::ZERO);
    let client = Ours::skipping_idle_wakeups(1);
    run(&script, client, &mut meter).unwrap();
    assert!(gaps(&meter).iter().all(|gap| (3_600..=3_661).contains(gap)), "{:?}", gaps(&meter));
}

#[test]
fn s05_a_retry_after_beyond_all_time_counts_as_an_hour() {
    let meter = measured(&only(ReplyKind::RateLimited(Some(Duration::MAX)), DAY));
    assert_eq!(meter.requests(), 24);
}

#[test]
fn s08_a_wall_clock_at_1970_works() {
    let script = Script { wall: SystemTime::UNIX_EPOCH, ..Script::healthy(1, HOUR, DAY) };
    assert_eq!(measured(&script).stale, Duration::ZERO);
    assert_eq!(VirtualClock::new(script.wall).now().wall, SystemTime::UNIX_EPOCH);
}

#[test]
fn s08_a_wall_clock_set_back_by_a_year_changes_nothing() {
    let script = Script::healthy(1, HOUR, DAY);
    let mut set_back = script.clone();
    set_back.events.push((5 * HOUR, Event::SetWall(WallShift::Back(YEAR))));

    let (meter, meter_set_back) = (measured(&script), measured(&set_back));
    assert_eq!(meter_set_back.stale, Duration::ZERO);
    assert_eq!(meter.request_times, meter_set_back.request_times);
}

#[test]
fn s08_a_wall_clock_set_ahead_by_a_year_costs_one_request() {
    let script = Script::healthy(1, HOUR, DAY);
    let mut set_ahead = script.clone();
    set_ahead.events.push((5 * HOUR, Event::SetWall(WallShift::Forward(YEAR))));

    let (meter, meter_set_ahead) = (measured(&script), measured(&set_ahead));
    assert!(meter_set_ahead.requests() <= meter.requests() + 2);
    // Withdrawn at the next wake-up, and asked for within the ten seconds after it.
    assert!(meter_set_ahead.stale <= 11 * SECOND, "{:?}", meter_set_ahead.stale);
}

#[test]
fn s04_a_source_that_never_answers_is_asked_at_most_every_8_seconds() {
    let meter = measured(&only(ReplyKind::Hang, HOUR));
    assert!(meter.requests() <= 450, "{}", meter.requests());
    assert!(meter.requests() >= 180, "{}", meter.requests());
}

#[test]
fn a_homeserver_that_comes_and_goes_by_the_second_breaks_no_rule() {
    let mut script = Script::healthy(1, 30 * SECOND, 2 * HOUR);
    let healthy = script.phases[0].clone();
    script.phases = (0..7_200)
        .map(|second| {
            let kind =
                if second % 2 == 0 { ReplyKind::Credentials } else { ReplyKind::NetworkError };
            Phase { from: second * SECOND, mix: vec![(kind, 1.0)], ..healthy.clone() }
        })
        .collect();
    script.ends_well = false;
    measured(&script);
}
