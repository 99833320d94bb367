//! Holds a run against the rules S1 to S14, which turn-rules states.

use matrix_sdk_turn::{
    Timestamp, TurnServer, TurnState, Unavailable, UnavailableReason,
    schedule::{Saved, Schedule},
};
use turn_rules::schedule::{self as rules, Answer, Rules, Shown, State, Why};

use super::{
    homeserver::{Reply, ReplyKind},
    run::{Moment, Note, Observer, Violation},
    script::{Event, Script},
    staleness::Staleness,
};

/// Watches one run.
#[derive(Debug)]
pub struct Referee {
    rules: Rules,
    staleness: Staleness,
    subscribers: usize,
    last_answer: Option<ReplyKind>,
    /// What the clocks said at the last note.
    last: Option<Timestamp>,
}

impl Referee {
    /// A referee for a run of this script.
    pub fn new(script: &Script) -> Self {
        Self {
            rules: Rules::default(),
            staleness: Staleness::new(script),
            subscribers: 0,
            last_answer: None,
            last: None,
        }
    }

    fn pass(&mut self, now: Timestamp) -> Result<(), Violation> {
        let last = self.last.replace(now).unwrap_or(now);
        let monotonic = now.monotonic.saturating_duration_since(last.monotonic);
        let wall = nanos_between(last.wall, now.wall);
        self.rules.on(rules::Event::TimePasses { monotonic, wall })
    }

    fn happen(&mut self, event: &Event) -> Result<(), Violation> {
        let event = match event {
            Event::Subscribe => {
                self.subscribers += 1;
                rules::Event::Subscribes
            }
            Event::Unsubscribe => {
                let was_last = self.subscribers == 1;
                self.subscribers = self.subscribers.saturating_sub(1);
                if !was_last {
                    return Ok(());
                }
                rules::Event::LastLeaves
            }
            Event::Refresh => rules::Event::Refreshes,
            Event::Restart | Event::Reboot => {
                (self.subscribers, self.last_answer) = (0, None);
                rules::Event::Restarts
            }
            // What is rejected has a note of its own, and time is counted with each.
            Event::RejectCurrent | Event::RejectOthers | Event::Sleep(_) | Event::SetWall(_) => {
                return Ok(());
            }
        };
        self.rules.on(event)
    }

    fn load(&mut self, now: Timestamp, saved: &Saved, is_taken: bool) -> Result<(), Violation> {
        if is_taken {
            self.last_answer = Some(ReplyKind::Credentials);
        }
        self.rules.on(rules::Event::Finds { saved: noted(saved, now), is_taken })
    }

    fn receive(&mut self, reply: &Reply) -> Result<(), Violation> {
        self.last_answer = Some(reply.kind);
        let answer = match (reply.clone().into_answer(), &reply.credentials) {
            (Err(unavailable), _) => Answer::Failure(why(&unavailable)),
            (Ok(_), Some((server, ttl))) => Answer::Credentials(name(server), *ttl),
            (Ok(_), None) => return Err("an answer without credentials".to_owned()),
        };
        self.rules.on(rules::Event::Answers(answer))
    }
}

impl Observer for Referee {
    fn note(&mut self, Moment { elapsed, now }: Moment, note: &Note<'_>) -> Result<(), Violation> {
        if let Note::Event(Event::Reboot) = note {
            // The monotonic clock starts over, and the rules with it.
            self.last = None;
        }
        self.pass(now)?;
        match note {
            Note::Event(event) => self.happen(event),
            Note::Rejected(server) => self.rules.on(rules::Event::Rejects(name(server))),
            Note::Looked { begins } => self.rules.on(rules::Event::Looks { begins: *begins }),
            Note::Loaded { saved, is_taken } => self.load(now, saved, *is_taken),
            Note::Answered(reply) => self.receive(reply),
            Note::Published(update) => self.rules.on(rules::Event::Publishes(update.map(state))),
            Note::Waiting(Some(shown)) => self.rules.on(rules::Event::Shows(**shown)),
            Note::End => self.staleness.judge(self.rules.holds_credentials(), self.last_answer),
            Note::Awaited | Note::Sent | Note::Saved(_) | Note::Waiting(None) => Ok(()),
        }?;
        self.staleness.measure(self.rules.holds_credentials(), self.subscribers > 0, elapsed);
        Ok(())
    }
}

/// What the schedule shows.
pub(super) fn shown(schedule: &Schedule, now: Timestamp) -> Shown {
    Shown {
        is_in_flight: schedule.in_flight().is_some(),
        is_asking: schedule.is_asking(now),
        next_request: schedule.next_request_in(now),
        next_due: schedule.next_due(now),
        wakeup: schedule.next_wakeup(now).map(|wakeup| wakeup - now.monotonic),
        valid_for: schedule.valid_for(now),
        rejection: schedule.rejection().as_ref().map(why),
        is_usable: schedule.is_usable(now),
        is_fresh: schedule.is_fresh(now),
        last_failure: schedule.last_failure().map(why),
        failures_in_a_row: schedule.failures_in_a_row(),
        published: schedule.published().map(state),
        awaits_outcome: schedule.is_waiting_for_outcome(),
        saved: schedule.saved().map(|saved| noted(&saved, now)),
    }
}

/// The simulator's homeserver numbers its users.
fn name(server: &TurnServer) -> rules::Name {
    let number = server.username().strip_prefix("user-");
    number.and_then(|number| number.parse().ok()).unwrap_or(rules::Name::MAX)
}

fn state(state: &TurnState) -> State {
    match (state.available(), state.unavailable()) {
        (Some(server), _) => State::Available(name(server)),
        (_, unavailable) => State::Unavailable(unavailable.map_or(Why::Expired, why)),
    }
}

fn why(unavailable: &Unavailable) -> Why {
    match unavailable.reason() {
        UnavailableReason::RateLimited => {
            Why::RateLimited { retry_after: unavailable.retry_after() }
        }
        UnavailableReason::NotConfigured => Why::NotConfigured,
        UnavailableReason::Misconfigured => Why::Misconfigured,
        UnavailableReason::Forbidden => Why::Forbidden,
        UnavailableReason::NotLoggedIn => Why::NotLoggedIn,
        UnavailableReason::SoftLoggedOut => Why::SoftLoggedOut,
        UnavailableReason::LoggedOut => Why::LoggedOut,
        UnavailableReason::Expired => Why::Expired,
        UnavailableReason::Rejected => Why::Rejected,
        _ => Why::Unreachable,
    }
}

fn noted(saved: &Saved, now: Timestamp) -> rules::Saved {
    let Saved { server, asked, ttl, refresh } = saved;
    rules::Saved {
        name: name(server),
        asked: nanos_between(now.wall, *asked),
        ttl: *ttl,
        refresh: refresh.duration_since(*asked).unwrap_or_default(),
    }
}

/// Negative if the second moment is before the first.
fn nanos_between(from: std::time::SystemTime, to: std::time::SystemTime) -> i64 {
    let nanos = |span: std::time::Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    to.duration_since(from).map_or_else(|behind| -nanos(behind.duration()), nanos)
}
