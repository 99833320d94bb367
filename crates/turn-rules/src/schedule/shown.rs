//! What the schedule shows: all of it follows from the rules.

use std::time::Duration;

use super::{
    Broken, Rules, Shown, Why, ensure,
    requests::Due,
    same,
    time::{Nanos, SECOND, nanos},
};

impl Rules {
    pub(super) fn show(&mut self, shown: &Shown) -> Result<(), Broken> {
        let held = self.held.as_ref();
        let in_flight = self.requests.in_flight.is_some();
        same("S1", "in flight", shown.is_in_flight, in_flight)?;
        self.s10_shows_rejection(shown.rejection)?;
        let rule = if held.is_some() { "S2" } else { "S6" };
        same(rule, "usable", shown.is_usable, held.is_some_and(|held| held.is_usable()))?;
        same("S2", "fresh", shown.is_fresh, held.is_some_and(|held| held.is_fresh()))?;
        let valid_for = held.and_then(|held| held.valid_for());
        let rule = held.map_or("S6", |held| held.rule);
        same(rule, "the validity", shown.valid_for.map(nanos), valid_for)?;
        same("S7", "the last failure", shown.last_failure, self.failing.why)?;
        same("S4", "failures in a row", shown.failures_in_a_row, self.failing.in_a_row)?;
        same("S12", "what is published", shown.published, self.sight.told)?;
        self.s07_shows_waiting(shown.awaits_outcome)?;
        self.s14_saves(shown.saved)?;
        self.shows_next_request(shown.next_request.map(nanos))?;
        self.blamed = None;
        self.s01_shows_asking(shown)?;
        self.s08_timers(shown, valid_for)
    }

    /// S3 to S7, S9, S10, S11, S14: the next request is due when the rules say.
    fn shows_next_request(&mut self, is: Option<Nanos>) -> Result<(), Broken> {
        let rule = if self.is_subscribed { self.requests.rule } else { "S11" };
        let next = self.next_request();
        let (Some(left), Some((earliest, latest))) = (is, next) else {
            return same(rule, "a request is planned", is.is_some(), next.is_some());
        };
        let floor = self.requests.floor.left();
        let is_fixed = matches!(self.requests.due, Due::NotBefore(_));
        let blamed = self.blamed.filter(|_| !is_fixed);
        let rule = blamed.unwrap_or(if left < floor { "S3" } else { rule });
        let planned = || {
            let [left, earliest, latest] =
                [left, earliest, latest].map(|it| Duration::from_nanos(it.unsigned_abs()));
            format!("the next request is due in {left:?}, not in {earliest:?} to {latest:?}")
        };
        if !(earliest..=latest).contains(&left) {
            return Err(format!("{rule}: {}", planned()));
        }
        // What is due, or before the floor, may have been drawn as anything that is sooner.
        if left > floor
            && let Due::At(window) | Due::NotBefore(window) = &mut self.requests.due
        {
            window.fix(left);
        }
        Ok(())
    }

    /// S10: rejected credentials are not returned until the homeserver answers with credentials.
    fn s10_shows_rejection(&self, rejection: Option<Why>) -> Result<(), Broken> {
        let is_rejected = self.held.as_ref().is_some_and(|held| held.is_rejected);
        let why = self.failing.why.unwrap_or(Why::Rejected);
        same("S10", "the rejection", rejection, is_rejected.then_some(why))
    }

    /// S1: an answer is on its way, or a request about to be sent.
    fn s01_shows_asking(&self, shown: &Shown) -> Result<(), Broken> {
        let is_asking = shown.is_in_flight || shown.next_request == Some(Duration::ZERO);
        same("S1", "asking", shown.is_asking, is_asking)
    }

    /// S6, S8, S11: the timer goes off when something is due, and after 30 s at the latest; without
    /// subscribers there is none.
    fn s08_timers(&self, shown: &Shown, valid_for: Option<Nanos>) -> Result<(), Broken> {
        let is_idle = !self.is_subscribed && shown.wakeup.is_some();
        ensure(!is_idle, "S11", "a timer without a subscriber")?;
        let of_interest = valid_for.filter(|_| self.is_subscribed);
        let due = of_interest.into_iter().chain(shown.next_request.map(nanos)).min();
        let rule = if valid_for.is_some() && due == valid_for { "S6" } else { "S8" };
        same(rule, "what is due next", shown.next_due.map(nanos), due)?;
        let wakeup = due.map(|due| due.min(30 * SECOND));
        same("S8", "the wakeup", shown.wakeup.map(nanos), wakeup)
    }
}
