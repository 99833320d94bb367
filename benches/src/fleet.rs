//! A million clients that started in the same second, and what their homeserver sees of it.

use std::{
    fmt,
    time::{Duration, Instant, SystemTime},
};

use matrix_sdk_turn::{
    Answer, RefreshPolicy, Timestamp, TurnServer, Unavailable, UnavailableReason,
    schedule::{Rng, Schedule},
};

use crate::{
    histogram::{Histogram, of_all},
    load::Load,
    words::span,
};

/// How long an answer takes. It is not 0, so that no answer arrives at the moment of its request.
pub(crate) const LATENCY: Duration = Duration::from_millis(100);

/// The share of the TTL that passes at least before a refresh that keeps its slot.
const EARLIEST_SLOT: f64 = 0.7 - 2.0 / 3.0;

/// A fleet, and what it goes through.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    /// How many clients there are.
    pub clients: u32,
    /// The TTL of the homeserver's credentials.
    pub ttl: Duration,
    /// How long it is watched for.
    pub length: Duration,
    /// When the homeserver refuses connections, and for how long.
    pub outage: Option<(Duration, Duration)>,
}

impl Fleet {
    fn is_down(&self, elapsed: Duration) -> bool {
        self.outage.is_some_and(|(from, length)| elapsed >= from && elapsed - from < length)
    }

    /// Plays all clients, each on its own, on all cores. Returns how many requests were sent in
    /// each second.
    pub fn requests_per_second(&self) -> Vec<u32> {
        self.of_all(|seed, sent| self.play_real(seed, sent))
    }

    /// The same with a restated schedule instead of the real one, to compare variants of it.
    pub fn requests_per_second_restated(&self, restated: Restated) -> Vec<u32> {
        self.of_all(|seed, sent| self.play_restated(seed, restated, sent))
    }

    fn of_all(&self, play: impl Fn(u64, &mut Histogram) + Sync) -> Vec<u32> {
        of_all(self.clients, self.length.as_secs() as usize, play)
    }

    /// The real schedule of one client. Wake-ups at which nothing is due are skipped: they change
    /// nothing, as the tests show.
    fn play_real(&self, seed: u64, sent: &mut Histogram) {
        let origin = Timestamp { monotonic: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let at = |elapsed| Timestamp {
            monotonic: origin.monotonic + elapsed,
            wall: origin.wall + elapsed,
        };
        let server = TurnServer::new(vec!["stun:turn.example.org".to_owned()], "", "");
        let answer = Answer::new(server, self.ttl);

        let mut rng = Rng::with_seed(seed);
        let mut elapsed = Duration::from_secs_f64(rng.f64());
        let mut schedule = Schedule::new(RefreshPolicy::default(), rng);
        schedule.subscribe(at(elapsed));
        while elapsed < self.length {
            let mut now = at(elapsed);
            if schedule.begin_request(now) {
                sent.count(elapsed.as_secs());
                let down = self.is_down(elapsed);
                elapsed += LATENCY;
                now = at(elapsed);
                schedule.answered(
                    now,
                    if down {
                        Err(Unavailable::new(UnavailableReason::Unreachable))
                    } else {
                        answer.clone()
                    },
                );
            }
            schedule.take_update(now);
            let Some(due) = schedule.next_due(now) else { return };
            elapsed += due;
        }
    }

    fn play_restated(&self, seed: u64, restated: Restated, sent: &mut Histogram) {
        let mut rng = Rng::with_seed(seed);
        let mut uniform = |(low, high): (f64, f64)| rng.f64().mul_add(high - low, low);
        let ttl = self.ttl.as_secs_f64();
        let mut elapsed = uniform((0.0, 1.0));
        let mut answered = elapsed;
        let mut spreads = true;
        let mut failures = 0;
        let mut first_failure = 0.0;
        loop {
            let now = Duration::from_secs_f64(elapsed);
            if now >= self.length {
                return;
            }
            sent.count(now.as_secs());
            let latency = LATENCY.as_secs_f64();
            if self.is_down(now) {
                let expired = elapsed > answered + ttl;
                let most = if expired { 10.0 } else { 60.0 };
                if failures == 0 {
                    first_failure = elapsed;
                }
                elapsed += latency + uniform((0.0, f64::powi(2.0, failures).min(most)));
                failures += 1;
            } else {
                let recovered = std::mem::take(&mut failures) > 0;
                spreads |= recovered && restated.after_outage == AfterOutage::Spread;
                answered = elapsed;
                if std::mem::take(&mut spreads) {
                    elapsed += ttl * uniform(restated.first_refresh);
                    continue;
                }
                let share = uniform((2.0 / 3.0 - 0.05, 2.0 / 3.0 + 0.05));
                if recovered && restated.after_outage == AfterOutage::KeepSlot {
                    // The next slot that is far enough ahead.
                    let mut slot = first_failure;
                    while slot + ttl * share < elapsed + ttl * EARLIEST_SLOT {
                        slot += ttl * 2.0 / 3.0;
                    }
                    elapsed = slot;
                }
                elapsed += ttl * share;
            }
        }
    }
}

impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TTL {}, ", span(self.ttl))?;
        match self.outage {
            None => f.write_str("no outage"),
            Some((_, length)) => write!(f, "an outage of {}", span(length)),
        }
    }
}

/// A fleet, and how many requests it sent in each second.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The fleet.
    pub fleet: Fleet,
    /// Its requests.
    pub seconds: Vec<u32>,
}

impl Scenario {
    /// What the homeserver sees from the second TTL on, or from a minute after the outage on.
    pub fn settled(&self) -> Load {
        let from = match self.fleet.outage {
            None => self.fleet.ttl,
            Some((begins, length)) => begins + length + Duration::from_secs(60),
        };
        Load::of(&self.seconds[from.as_secs() as usize..])
    }
}

/// The schedule's refresh and retry rules in a few lines, and what could be chosen otherwise in
/// them. It leaves out that the delay after a failure is shortened when the credentials expire.
#[derive(Clone, Copy, Debug)]
pub struct Restated {
    /// The share of the TTL into which the first refresh falls.
    pub first_refresh: (f64, f64),
    /// When the first refresh after a failure is due.
    pub after_outage: AfterOutage,
}

/// When the first refresh after an outage is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterOutage {
    /// As ever: after 2/3 of the TTL.
    AsEver,
    /// As after a start.
    Spread,
    /// When it would have been due had the first request of the outage been answered.
    KeepSlot,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_fleet_that_started_together_asks_evenly_from_the_second_ttl_on() {
        let fleet = Fleet { clients: 20_000, ttl: HOUR, length: 12 * HOUR, outage: None };
        let minutes: Vec<u32> =
            fleet.requests_per_second().chunks(60).map(|minute| minute.iter().sum()).collect();
        let load = Load::of(&minutes[60..]);
        assert!((load.mean / 60.0 - 1.5 * 20_000.0 / 3600.0).abs() < 0.2, "{load:?}");
        assert!(f64::from(load.peak) < 1.25 * load.mean, "{load:?}");
    }

    #[test]
    fn a_fleet_that_comes_out_of_an_outage_together_asks_evenly_at_once() {
        let outage = Some((4 * HOUR, HOUR / 3));
        let fleet = Fleet { clients: 20_000, ttl: HOUR, length: 12 * HOUR, outage };
        let minutes: Vec<u32> =
            fleet.requests_per_second().chunks(60).map(|minute| minute.iter().sum()).collect();
        let load = Load::of(&minutes[4 * 60 + 21..]);
        assert!(f64::from(load.peak) < 1.2 * load.mean, "{load:?}");
    }

    #[test]
    fn the_restated_schedule_is_the_real_one() {
        let fleet = Fleet {
            clients: 2_000,
            ttl: HOUR,
            length: 12 * HOUR,
            outage: Some((6 * HOUR, HOUR / 3)),
        };
        let restated =
            Restated { first_refresh: (0.7 - 2.0 / 3.0, 0.7), after_outage: AfterOutage::KeepSlot };
        let after = (6 * HOUR + HOUR / 3).as_secs() as usize + 60;
        let load =
            |seconds: &[u32]| (Load::of(seconds).mean, Load::of(&seconds[after..]).peak_minute);
        let (mean, peak_minute) = load(&fleet.requests_per_second());
        let (restated_mean, restated_peak_minute) =
            load(&fleet.requests_per_second_restated(restated));
        assert!((mean / restated_mean - 1.0).abs() < 0.02, "{mean} {restated_mean}");
        // Spread at random it would be half as much again.
        let ratio = peak_minute / restated_peak_minute;
        assert!((ratio - 1.0).abs() < 0.2, "{peak_minute} {restated_peak_minute}");
    }
}
