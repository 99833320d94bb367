//! Knows the rules, and watches a run for a breach of them.
//!
//! It restates rules S1 to S14 as what an onlooker can see, without a look inside the schedule:
//!
//! - `facts.rs`: what happened so far;
//! - `spacing.rs`: when a request may be sent, and must be, by what the app asked for (`demand.rs`),
//!   after a success (`refreshes.rs`) and after failures (`retries.rs`);
//! - `sight.rs`: what a subscriber must be seeing;
//! - `restarts.rs`: what must outlive the process, and what must not;
//! - `timers.rs`: what the timer must be set to;
//! - `staleness.rs`: how long there may be no credentials.

mod demand;
mod facts;
mod numbers;
mod refreshes;
mod restarts;
mod retries;
mod sight;
mod spacing;
mod staleness;
mod timers;

use std::time::Instant;

use matrix_sdk_turn::{Timestamp, TurnState, schedule::Saved};

use self::{
    facts::Facts, restarts::Restarts, sight::Sight, spacing::Spacing, staleness::Staleness,
};
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
    restarts: Restarts,
    staleness: Staleness,
}

impl Referee {
    /// A referee for a run of this script.
    pub fn new(script: &Script) -> Self {
        Self {
            facts: Facts::default(),
            spacing: Spacing::new(),
            sight: Sight::default(),
            restarts: Restarts::new(script),
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
                    self.facts.reject();
                    self.restarts.note_rejected(&self.facts);
                }
            }
            Event::RejectOthers => {}
            Event::Sleep(_) | Event::SetWall(_) => self.spacing.disturb(),
            Event::Restart | Event::Reboot => {
                self.facts = Facts::default();
                self.spacing = Spacing::new();
                self.sight = Sight::default();
                self.restarts.restart();
            }
        }
    }

    fn load(&mut self, now: Timestamp, found: &Saved) -> Result<(), Violation> {
        if let Some(asked) = self.restarts.load(now, found)? {
            self.facts.restore(asked, found);
            self.spacing.restore(now, found);
            self.sight.receive();
        }
        Ok(())
    }

    fn save(&mut self, saved: Option<&Saved>) -> Result<(), Violation> {
        self.restarts.save(&self.facts, saved)?;
        saved.map_or(Ok(()), |saved| self.spacing.save(&self.facts, saved))
    }

    fn update(&mut self, now: Timestamp, state: &TurnState) -> Result<(), Violation> {
        self.expire(now);
        self.restarts.judge_update(&self.facts, state)?;
        self.sight.update(now, state)
    }

    fn send(&mut self, now: Timestamp) -> Result<(), Violation> {
        self.spacing.send(&self.facts, now)?;
        self.facts.send(now);
        Ok(())
    }

    fn receive(&mut self, now: Timestamp, reply: &Reply) -> Result<(), Violation> {
        let rejected = self.facts.rejected().cloned();
        self.expire(now);
        self.facts.receive(now, reply, rejected.as_ref())?;
        if reply.credentials.is_some() {
            self.restarts.note_rejected(&self.facts);
        }
        self.spacing.receive(&self.facts);
        self.sight.receive();
        self.expire(now);
        Ok(())
    }

    fn wait(&mut self, now: Timestamp, timer: Option<Instant>) -> Result<(), Violation> {
        self.expire(now);
        self.sight.judge(&self.facts)?;
        self.restarts.judge(&self.facts)?;
        timers::judge(&self.facts, &self.spacing, now, timer)
    }

    /// With what an earlier process left, the other rules go on, which is a rule of its own.
    fn name(&self, broken: Violation) -> Violation {
        let is_named = !self.facts.is_restored || broken.starts_with("S14");
        if is_named { broken } else { format!("S14: after a restart: {broken}") }
    }

    fn expire(&mut self, now: Timestamp) {
        if self.facts.expire(now) {
            self.spacing.expire(&self.facts, now);
        }
    }
}

impl Observer for Referee {
    fn note(&mut self, Moment { elapsed, now }: Moment, note: &Note<'_>) -> Result<(), Violation> {
        let judged = match note {
            Note::Event(event) => {
                self.happen(now, event);
                Ok(())
            }
            Note::Awaited => {
                self.sight.await_answer(&self.facts);
                Ok(())
            }
            Note::Loaded(found) => self.load(now, found),
            Note::Sent => self.send(now),
            Note::Answered(reply) => self.receive(now, reply),
            Note::Update(state) => self.update(now, state),
            Note::Saved(saved) => self.save(*saved),
            Note::Waiting(timer) => self.wait(now, *timer),
            Note::End => self.staleness.judge(&self.facts),
        };
        judged.map_err(|broken| self.name(broken))?;
        self.staleness.measure(&self.facts, elapsed);
        Ok(())
    }
}
