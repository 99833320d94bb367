//! Phones whose app is started many times a day, and what their homeserver sees of it.

use std::time::{Duration, Instant, SystemTime};

use matrix_sdk_turn::{
    Answer, RefreshPolicy, Timestamp, TurnServer, Unavailable,
    schedule::{Rng, Saved, Schedule},
};

use crate::{
    fleet::LATENCY,
    histogram::{Histogram, of_all},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long an app that was started is used, at least and at most.
const USED: (Duration, Duration) = (Duration::from_secs(2 * 60), Duration::from_secs(8 * 60));

/// Phones. Each start of the app is a process of its own: somebody subscribes from its beginning to
/// its end.
#[derive(Clone, Copy, Debug)]
pub struct Phones {
    /// How many phones there are.
    pub clients: u32,
    /// The TTL of the homeserver's credentials.
    pub ttl: Duration,
    /// How many days they are watched for.
    pub days: u32,
    /// How often a day the app is started, at random moments.
    pub starts: usize,
    /// Between which times of the day.
    pub awake: (Duration, Duration),
    /// Whether credentials outlive the process.
    pub persist: bool,
}

impl Phones {
    /// Plays all phones, each on its own, on all cores. Returns how many requests were sent in each
    /// second. Starts at which no request is due are skipped: they change nothing, as the tests show.
    pub fn requests_per_second(&self) -> Vec<u32> {
        self.all(true)
    }

    fn all(&self, skips_idle_starts: bool) -> Vec<u32> {
        let seconds = self.days as usize * DAY.as_secs() as usize;
        of_all(self.clients, seconds, |seed, sent| self.play(seed, skips_idle_starts, sent))
    }

    fn play(&self, seed: u64, skips_idle_starts: bool, sent: &mut Histogram) {
        let server = TurnServer::new(vec!["stun:turn.example.org".to_owned()], "", "");
        let mut phone = Phone {
            started: Timestamp { monotonic: Instant::now(), wall: SystemTime::UNIX_EPOCH },
            rng: Rng::with_seed(seed),
            answer: Answer::new(server, self.ttl),
            saved: None,
        };
        let mut ended = Duration::ZERO;
        let mut starts = Vec::with_capacity(self.starts);
        for day in 0..self.days {
            let (from, until) = self.awake;
            starts.clear();
            starts.extend((0..self.starts).map(|_| day * DAY + phone.between(from, until)));
            starts.sort_unstable();
            for start in &starts {
                let start = ended.max(*start);
                ended = start + phone.between(USED.0, USED.1);
                let rng = phone.rng.fork();
                if !skips_idle_starts || phone.asks_before(ended) {
                    phone.run_app(rng, start, ended, sent);
                }
                if !self.persist {
                    phone.saved = None;
                }
            }
        }
    }
}

/// What there is of a phone while no app runs on it, and its homeserver's answer.
struct Phone {
    started: Timestamp,
    rng: Rng,
    answer: Result<Answer, Unavailable>,
    saved: Option<Saved>,
}

impl Phone {
    fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + Duration::from_micros(self.rng.u64(..(high - low).as_micros() as u64))
    }

    fn at(&self, elapsed: Duration) -> Timestamp {
        let Timestamp { monotonic, wall } = self.started;
        Timestamp { monotonic: monotonic + elapsed, wall: wall + elapsed }
    }

    fn asks_before(&self, elapsed: Duration) -> bool {
        self.saved.as_ref().is_none_or(|saved| saved.refresh < self.at(elapsed).wall)
    }

    /// One process, with the real schedule.
    fn run_app(&mut self, rng: Rng, mut elapsed: Duration, until: Duration, sent: &mut Histogram) {
        let mut schedule = Schedule::new(RefreshPolicy::default(), rng);
        schedule.subscribe(self.at(elapsed));
        while elapsed < until {
            let mut now = self.at(elapsed);
            if schedule.begin_request(now) {
                let found = self.saved.take();
                if found.is_some_and(|found| schedule.restored(now, &found).is_ok()) {
                    // It may be due for its refresh.
                    continue;
                }
                sent.count(elapsed.as_secs());
                elapsed += LATENCY;
                now = self.at(elapsed);
                schedule.answered(now, self.answer.clone());
            }
            schedule.take_update(now);
            let Some(due) = schedule.next_due(now) else { break };
            elapsed += due;
        }
        self.saved = schedule.saved();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(persist: bool) -> Phones {
        let awake = (Duration::ZERO, DAY);
        Phones { clients: 500, ttl: DAY, days: 4, starts: 20, awake, persist }
    }

    #[test]
    fn a_start_at_which_nothing_is_due_changes_nothing() {
        for ttl in [DAY, DAY / 24] {
            let phones = Phones { ttl, ..phones(true) };
            assert!(phones.requests_per_second() == phones.all(false), "TTL {ttl:?}");
        }
    }

    fn requests_a_day(persist: bool) -> f64 {
        let phones = phones(persist);
        let seconds = phones.requests_per_second();
        let settled = &seconds[DAY.as_secs() as usize..];
        settled.iter().map(|n| f64::from(*n)).sum::<f64>() / f64::from(phones.clients) / 3.0
    }

    #[test]
    fn without_persistence_every_start_is_a_request() {
        // A start right before midnight may be put off until the app is closed.
        let requests = requests_a_day(false);
        assert!((requests - 20.0).abs() < 0.02, "{requests}");
    }

    #[test]
    fn with_persistence_there_are_fewer_requests_than_if_the_app_ran_all_the_time() {
        let requests = requests_a_day(true);
        assert!((1.3..1.5).contains(&requests), "{requests}");
    }
}
