//! Knows the rules, and watches a run for a breach of them.
//!
//! It restates rules S1 to S13 as what an onlooker can see, without a look inside the schedule:
//!
//! - `facts.rs`: what happened so far;
//! - `spacing.rs`: when a request may be sent, and must be, by what the app asked for (`demand.rs`),
//!   after a success (`refreshes.rs`) and after failures (`retries.rs`);
//! - `sight.rs`: what a subscriber must be seeing;
//! - `timers.rs`: what the timer must be set to;
//! - `staleness.rs`: how long there may be no credentials.

mod demand;
mod facts;
mod numbers;
mod refreshes;
mod retries;
mod sight;
mod spacing;
mod staleness;
mod timers;

use std::time::Instant;

use matrix_sdk_turn::Timestamp;

use self::{facts::Facts, sight::Sight, spacing::Spacing, staleness::Staleness};
use super::{
    homeserver::Reply,
    run::{Moment, Note, Observer, Violation},
    script::{Event, Script},
};

/// Watches one run.
#[derive(Debug)]
pub struct Referee {
    facts: Facts,
    spacing: Spacing,
    sight: Sight,
    staleness: Staleness,
}

impl Referee {
    /// A referee for a run of this script.
    pub fn new(script: &Script) -> Self {
        Self {
            facts: Facts::default(),
            spacing: Spacing::new(),
            sight: Sight::default(),
            staleness: Staleness::new(script),
        }
    }

    fn happen(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::Subscribe => {
                self.facts.subscribe(now);
                self.spacing.subscribe(&self.facts, now);
            }
            Event::Unsubscribe => self.facts.unsubscribe(),
            Event::Refresh => self.spacing.refresh(&self.facts, now),
            Event::RejectCurrent => {
                if self.sight.shows_held(&self.facts) {
                    self.spacing.reject(&self.facts, now);
                }
            }
            Event::RejectOthers => {}
            Event::Sleep(_) | Event::SetWall(_) => self.spacing.disturb(),
        }
    }

    fn send(&mut self, now: Timestamp) -> Result<(), Violation> {
        self.spacing.send(&self.facts, now)?;
        self.facts.send(now);
        Ok(())
    }

    fn receive(&mut self, now: Timestamp, reply: &Reply) -> Result<(), Violation> {
        self.expire(now);
        self.facts.receive(now, reply)?;
        self.spacing.receive(&self.facts);
        self.sight.receive();
        self.expire(now);
        Ok(())
    }

    fn wait(&mut self, now: Timestamp, timer: Option<Instant>) -> Result<(), Violation> {
        self.expire(now);
        self.sight.judge(&self.facts)?;
        timers::judge(&self.facts, &self.spacing, now, timer)
    }

    fn expire(&mut self, now: Timestamp) {
        if self.facts.expire(now) {
            self.spacing.expire(&self.facts, now);
        }
    }
}

impl Observer for Referee {
    fn note(&mut self, Moment { elapsed, now }: Moment, note: &Note<'_>) -> Result<(), Violation> {
        match note {
            Note::Event(event) => self.happen(now, event),
            Note::Awaited => self.sight.await_answer(&self.facts),
            Note::Sent => self.send(now)?,
            Note::Answered(reply) => self.receive(now, reply)?,
            Note::Update(state) => {
                self.expire(now);
                self.sight.update(now, state)?;
            }
            Note::Waiting(timer) => self.wait(now, *timer)?,
            Note::End => self.staleness.judge(&self.facts)?,
        }
        self.staleness.measure(&self.facts, elapsed);
        Ok(())
    }
}
