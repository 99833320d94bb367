//! What the unit tests of the rules share.

use std::time::{Duration, Instant, SystemTime};

use super::{Rng, Schedule};
use crate::{
    clock::Timestamp,
    credentials::TurnServer,
    policy::RefreshPolicy,
    source::Answer,
    unavailable::{Unavailable, UnavailableReason},
};

pub(super) const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) fn subscribed() -> (Schedule, Timestamp) {
    let wall = SystemTime::UNIX_EPOCH + 50 * YEAR;
    let now = Timestamp { monotonic: Instant::now(), wall };
    let mut schedule = Schedule::new(RefreshPolicy::default(), Rng::with_seed(1));
    schedule.subscribe(now);
    (schedule, now)
}

pub(super) fn later(now: Timestamp, secs: u64) -> Timestamp {
    let span = Duration::from_secs(secs);
    Timestamp { monotonic: now.monotonic + span, wall: now.wall + span }
}

pub(super) fn credentials(ttl_secs: u64) -> Result<Answer, Unavailable> {
    let server = TurnServer::new(vec!["turn:turn.example.org".to_owned()], "alice", "password");
    Answer::new(server, Duration::from_secs(ttl_secs))
}

pub(super) fn failed(reason: UnavailableReason) -> Result<Answer, Unavailable> {
    Err(reason.into())
}

/// Credentials for 1,000 s, and one more request that is answered like this at half that time.
pub(super) fn asked_again_at_half_time(
    answer: Result<Answer, Unavailable>,
) -> (Schedule, TurnServer, Timestamp) {
    let (mut schedule, now) = subscribed();
    assert!(schedule.begin_request(now));
    schedule.answered(now, credentials(1_000));
    let server = schedule.take_update(now).unwrap().into_result().unwrap();
    let half = later(now, 500);
    schedule.refresh(half);
    assert!(schedule.begin_request(half));
    schedule.answered(half, answer);
    (schedule, server, half)
}
