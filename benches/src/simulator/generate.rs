//! Scripts out of seeds.

use std::time::{Duration, SystemTime};

use fastrand::Rng;

use super::{
    clock::WallShift,
    homeserver::{Phase, ReplyKind},
    run::REQUEST_TIMEOUT,
    script::{Event, Outage, Script},
    store::Persistence,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// TTLs that homeservers have, and some at the limits of what they can send.
const TTLS: [u64; 12] = [0, 1, 7, 12, 20, 30, 60, 300, 3_600, 86_400, 2_592_001, u64::MAX];

/// The script of a seed: in one of four an outage and nothing else, else anything.
pub fn from_seed(seed: u64) -> Script {
    let mut rng = Rng::with_seed(seed);
    if rng.u8(..4) == 0 { one_outage(seed, &mut rng) } else { anything(seed, &mut rng) }
}

/// Up to `most`, and more often short than long.
fn up_to(rng: &mut Rng, most: Duration) -> Duration {
    most.mul_f64(rng.f64().powi(3))
}

fn one_outage(seed: u64, rng: &mut Rng) -> Script {
    let ttl = Duration::from_secs_f64(30.0 * 400_f64.powf(rng.f64()));
    let begins = ttl.mul_f64(1.0 + 2.0 * rng.f64());
    let length = ttl.mul_f64(1.5 * rng.f64().powi(2)).min(HOUR);
    let hangs = rng.bool();
    let failure = if hangs { REQUEST_TIMEOUT } else { up_to(rng, 2 * SECOND) };

    let healthy = Phase::healthy(Duration::ZERO, ttl);
    let kind = match rng.u8(..3) {
        _ if hangs => ReplyKind::Hang,
        0 => ReplyKind::HttpError,
        _ => ReplyKind::NetworkError,
    };
    let outage = Phase {
        from: begins,
        latency: (failure, failure),
        mix: vec![(kind, 1.0)],
        ..healthy.clone()
    };
    let recovered = Phase { from: begins + length, ..healthy.clone() };
    let latency = healthy.latency.1;
    let mut script = Script::healthy(seed, ttl, begins + length + ttl + MINUTE);
    script.phases = vec![healthy, outage, recovered];
    script.outage = Some(Outage { length, latency });
    if rng.bool() {
        // What outlives the process bridges the outage as well as a process that goes on.
        script.persistence = Persistence::Reliable;
        for _ in 0..rng.usize(1..5) {
            let at = begins + length.mul_f64(rng.f64());
            script.events.extend([(at, restart(rng)), (at, Event::Subscribe)]);
        }
        script.events.sort_by_key(|(at, _)| *at);
    }
    script
}

fn restart(rng: &mut Rng) -> Event {
    if rng.u8(..4) == 0 { Event::Reboot } else { Event::Restart }
}

fn anything(seed: u64, rng: &mut Rng) -> Script {
    let mut length = [20 * MINUTE, HOUR, 3 * HOUR][rng.usize(..3)];
    let mut phases: Vec<_> = (0..rng.usize(1..6)).map(|_| phase(rng, length)).collect();
    phases[0].from = Duration::ZERO;
    phases.sort_by_key(|phase| phase.from);

    let mut events = Vec::new();
    for _ in 0..rng.usize(..25) {
        let at = length.mul_f64(rng.f64());
        let event = event(rng);
        // Some apps call many times in a row.
        let times = if rng.u8(..8) == 0 { rng.usize(2..20) } else { 1 };
        let gap = up_to(rng, 5 * SECOND);
        events.extend((0..times as u32).map(|n| (at + n * gap, event)));
    }
    for _ in 0..[0, 0, 1, 2, 10][rng.usize(..5)] {
        interrupt(rng, length, &mut events);
    }
    if rng.u8(..4) > 0 {
        events.push((Duration::ZERO, Event::Subscribe));
    }
    let ends_well = rng.bool();
    if ends_well {
        // The machine may sleep for days: the healthy phase begins after that.
        let asleep: Duration = events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Sleep(span) => Some(*span),
                _ => None,
            })
            .sum();
        length = length + asleep + 2 * MINUTE;
        phases.push(Phase::healthy(length, HOUR));
        events.push((length, Event::Subscribe));
        length += HOUR.mul_f64(1.25);
    }
    events.sort_by_key(|(at, _)| *at);

    let wall = match rng.u8(..8) {
        0 => SystemTime::UNIX_EPOCH,
        _ => SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    };
    let persistence = match rng.u8(..4) {
        0 => Persistence::None,
        1 => Persistence::Failing,
        _ => Persistence::Reliable,
    };
    Script { seed, wall, phases, events, persistence, length, outage: None, ends_well }
}

/// A restart as it happens in life: soon after another event or not, for a moment or for long, and
/// with a clock that is set meanwhile.
fn interrupt(rng: &mut Rng, length: Duration, events: &mut Vec<(Duration, Event)>) {
    let mut at = length.mul_f64(rng.f64());
    if !events.is_empty() && rng.bool() {
        at = events[rng.usize(..events.len())].0 + up_to(rng, MINUTE);
    }
    events.push((at, restart(rng)));
    if rng.bool() {
        events.push((at, Event::Sleep(up_to(rng, DAY))));
    }
    if rng.u8(..4) == 0 {
        events.push((at, Event::SetWall(wall_shift(rng))));
    }
    at += up_to(rng, MINUTE);
    events.push((at, Event::Subscribe));
    match rng.u8(..6) {
        0 | 1 => events.push((at + up_to(rng, 20 * SECOND), Event::Refresh)),
        2 => events.push((at + up_to(rng, 20 * SECOND), Event::RejectCurrent)),
        _ => {}
    }
}

fn phase(rng: &mut Rng, length: Duration) -> Phase {
    let ttl = match rng.u8(..3) {
        0 => up_to(rng, DAY),
        _ => Duration::from_secs(TTLS[rng.usize(..TTLS.len())]),
    };
    let least = up_to(rng, 3 * SECOND);
    let mut mix = vec![(ReplyKind::Credentials, rng.f64() * 2.0)];
    for _ in 0..rng.usize(..4) {
        mix.push((failure(rng), rng.f64()));
    }
    Phase {
        from: length.mul_f64(rng.f64()),
        ttl,
        // Up to beyond the timeout.
        latency: (least, least + up_to(rng, 10 * SECOND)),
        rotation: [0.0, 0.5, 1.0][rng.usize(..3)],
        mix,
    }
}

fn failure(rng: &mut Rng) -> ReplyKind {
    match rng.u8(..16) {
        0..3 => ReplyKind::HttpError,
        3..6 => ReplyKind::NetworkError,
        6..9 => ReplyKind::Hang,
        9 => ReplyKind::RateLimited(None),
        10 => ReplyKind::RateLimited(Some(Duration::ZERO)),
        11 => ReplyKind::RateLimited(Some(up_to(rng, HOUR))),
        12 => ReplyKind::RateLimited(Some([YEAR, Duration::MAX][rng.usize(..2)])),
        13 => [ReplyKind::NotConfigured, ReplyKind::Misconfigured][rng.usize(..2)],
        14 => ReplyKind::Forbidden,
        _ => ReplyKind::LoggedOut,
    }
}

fn event(rng: &mut Rng) -> Event {
    match rng.u8(..16) {
        0..4 => Event::Subscribe,
        4..7 => Event::Unsubscribe,
        7..10 => Event::Refresh,
        10..12 => Event::RejectCurrent,
        12 => Event::RejectOthers,
        13 => Event::Sleep(up_to(rng, DAY)),
        _ => Event::SetWall(wall_shift(rng)),
    }
}

fn wall_shift(rng: &mut Rng) -> WallShift {
    match rng.u8(..6) {
        0 => WallShift::Epoch,
        1 => WallShift::Back(YEAR),
        2 => WallShift::Forward(YEAR),
        3 | 4 => WallShift::Forward(up_to(rng, HOUR)),
        _ => WallShift::Back(up_to(rng, HOUR)),
    }
}
