//! The rules S1 to S14 of the schedule.
//!
//! [`Rules`] is told every [`Event`] in order: what the schedule is told, what it does, and what it
//! shows. It keeps what follows from them and returns an error, which begins with the name of the
//! rule, as soon as one is broken: the schedule did what it must not do, or did not do what is due.
//! Time counts from now, so `Rules` in equal situations are equal.
//!
//! | rules | file |
//! | --- | --- |
//! | S1, S9, S10, S11: whether a request may be sent, and must be | `requests.rs` |
//! | S3, S4, S5, S7: when the next one is due after an answer | `delays.rs` |
//! | S2, S6, S12: what is held, and what subscribers are told | `sight.rs` |
//! | S8, S13: two clocks, timers, arithmetic | `time.rs`, `shown.rs` |
//! | S14: what outlives the process | `saved.rs` |
//!
//! A delay that is drawn at random is known by its range until the schedule shows what it came to;
//! from then on it must not change unless a rule changes it.

use std::fmt::Debug;

mod delays;
mod requests;
mod saved;
mod shown;
mod sight;
#[cfg(test)]
mod tests;
mod time;
mod words;

pub use self::words::{Answer, Event, Name, Saved, Shown, State, Why};
use self::{
    delays::{Failing, Refreshes},
    requests::Requests,
    sight::{Held, Sight},
    time::{Nanos, Share, nanos},
};

/// The rule that was broken, and how.
pub type Broken = String;

/// Watches one schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    is_subscribed: bool,
    requests: Requests,
    failing: Failing,
    refreshes: Refreshes,
    held: Option<Held>,
    sight: Sight,
    /// The rule of what happened last, if that may bring a request forward: it is to blame if the next
    /// one is due at another time than it should be.
    blamed: Option<&'static str>,
    luck: Option<Share>,
}

impl Rules {
    /// The random numbers that the schedule draws next, if a test knows them: all of them are near
    /// this one, from 0 to 1. A draw is then held against the value that follows from it.
    pub fn expect_draws(&mut self, luck: Option<f64>) {
        self.luck = luck.map(|drawn| (drawn * 1e6) as Share);
    }

    /// Whether there are credentials that were valid when the schedule last looked.
    pub fn holds_credentials(&self) -> bool {
        self.held.is_some()
    }

    /// What happened next.
    ///
    /// # Errors
    ///
    /// A rule was broken.
    pub fn on(&mut self, event: Event) -> Result<(), Broken> {
        self.blamed = match event {
            Event::Refreshes => Some("S9"),
            Event::Rejects(_) => Some("S10"),
            Event::SessionIsRenewed => Some("S7"),
            Event::Finds { .. } => Some("S14"),
            Event::Publishes(_) | Event::Shows(_) => self.blamed,
            _ => None,
        };
        match event {
            Event::TimePasses { monotonic, wall } => self.pass(nanos(monotonic), wall),
            Event::Subscribes => self.subscribe(),
            // S11: what is known stays known.
            Event::LastLeaves => self.is_subscribed = false,
            Event::Refreshes => self.requests.s09_refresh(),
            Event::Rejects(name) => self.s10_reject(name),
            Event::SessionIsRenewed => self.s07_renew_session(),
            Event::SessionEnds => self.s07_end_session(),
            Event::Restarts => *self = Self { luck: self.luck, ..Self::default() },
            Event::Looks { begins } => return self.look(begins),
            Event::Answers(answer) => self.answer(answer),
            Event::Finds { saved, is_taken } => return self.s14_find(saved, is_taken),
            Event::Publishes(state) => return self.publish(state),
            Event::Shows(shown) => return self.show(&shown),
        }
        Ok(())
    }

    fn subscribe(&mut self) {
        self.is_subscribed = true;
        self.requests.s07_subscribe();
        self.s06_withdraw_expired();
        self.s07_newcomer_waits();
    }

    fn answer(&mut self, answer: Answer) {
        // S1: an answer to no request says nothing.
        let Some(sent) = self.requests.in_flight.take() else { return };
        match answer {
            Answer::Credentials(name, ttl) => self.s03_succeed(sent, name, ttl),
            Answer::Failure(Why::LoggedOut) => self.s07_end_session(),
            Answer::Failure(why) => {
                self.s06_withdraw_expired();
                self.fail(sent, why);
            }
        }
        self.sight.answer();
    }

    fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        self.requests.pass(monotonic, wall);
        self.failing.pass(monotonic);
        self.held.iter_mut().for_each(|held| held.pass(monotonic, wall));
    }
}

/// What must hold, and the rule that is broken if it does not.
fn ensure(holds: bool, rule: &str, broken: &str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(format!("{rule}: {broken}")) }
}

/// The schedule shows that, and should show this.
fn same<T: PartialEq + Debug>(rule: &str, what: &str, is: T, should_be: T) -> Result<(), Broken> {
    if is == should_be {
        return Ok(());
    }
    Err(format!("{rule}: {what} is {is:?}, and should be {should_be:?}"))
}
