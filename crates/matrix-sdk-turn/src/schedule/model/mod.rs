//! What the rules S1 to S14 ask of the schedule, once more and as plainly as can be: a model for tests
//! to compare it with. It shares no code with the schedule. What is drawn at random, it knows
//! nearly, and is then told.

mod delays;
mod known;
mod questions;
mod requests;
mod time;
mod words;

pub(super) use self::words::{Answer, Event, Luck, MINUTE, Nanos, Published, SECOND, Saved, Why};
use self::{
    delays::Delays,
    known::Known,
    requests::Requests,
    words::{Draw, Event::*, Moment},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Model {
    is_subscribed: bool,
    requests: Requests,
    delays: Delays,
    known: Known,
    /// What the next request is due by, until it is told what that came to.
    draw: Option<Draw>,
}

impl Model {
    pub(super) fn on(&mut self, event: Event, luck: Luck) {
        match event {
            // S2, S7: a newcomer waits for an answer only if there are no credentials.
            Subscribe => {
                self.is_subscribed = true;
                self.requests.subscribe();
                self.withdraw_expired(luck);
                let is_due = self.requests.due() == Some(0);
                self.known.is_awaited |= is_due && self.known.held.is_none();
            }
            // S11: what is known stays known.
            Unsubscribe => self.is_subscribed = false,
            // S9.
            Refresh => self.requests.refresh(),
            // S10.
            Reject => {
                if self.known.reject() {
                    self.requests.reject();
                }
            }
            // S7.
            SessionIsRenewed => {
                if self.delays.failing.why == Some(Why::NotLoggedIn) {
                    self.requests.refresh();
                }
            }
            // S6, S7: the one thing beside their expiry that withdraws credentials.
            SessionEnds | Answered(Answer::None(Why::LoggedOut)) => {
                self.requests.end();
                self.delays.failing.count(Why::LoggedOut, Moment::NOW);
                self.known.withdraw(Why::LoggedOut);
                self.known.is_awaited = false;
            }
            Answered(Answer::Credentials(name, ttl)) => self.succeed(name, ttl, luck),
            Answered(Answer::None(why)) => self.fail(why, luck),
        }
    }

    /// S3, S12, S13.
    fn succeed(&mut self, name: u8, ttl: Nanos, luck: Luck) {
        let ttl = ttl.min(30 * 24 * 60 * MINUTE);
        let sent = self.requests.succeed();
        let draw = self.delays.refresh(sent, ttl, luck);
        self.known.hold(name, sent, ttl);
        self.withdraw_expired(luck);
        self.draw = self.known.held.is_some().then_some(draw);
        self.known.is_awaited = false;
    }

    /// S4, S5, S7.
    fn fail(&mut self, why: Why, luck: Luck) {
        self.withdraw_expired(luck);
        let sent = self.requests.fail();
        self.delays.failing.count(why, sent);
        let holds = self.known.held.is_some();
        if !holds {
            self.known.offer(Published::None(why));
        }
        (self.requests.next, self.requests.for_subscriber, self.draw) =
            self.delays.retry(why, -sent.monotonic, holds, luck);
        self.known.is_awaited = false;
    }

    /// S6: credentials are withdrawn when they expire. The next request is due soon, unless the
    /// homeserver said when.
    fn withdraw_expired(&mut self, luck: Luck) {
        if self.known.has_expired() {
            self.known.withdraw(self.delays.failing.why.unwrap_or(Why::Expired));
            self.draw = self.requests.draw_soon(luck);
        }
    }

    /// S14: what another process saved is the answer. Returns whether it is of use.
    pub(super) fn restored(&mut self, saved: Saved) -> bool {
        let is_of_use = (0..saved.ttl).contains(&-saved.asked_wall);
        if is_of_use {
            let asked = Moment { monotonic: saved.asked_wall, wall: saved.asked_wall };
            self.known.hold(saved.name, asked, saved.ttl);
            self.known.held.iter_mut().for_each(|held| held.refresh = saved.refresh);
            self.requests.restored(asked, saved.refresh);
            (self.delays.is_first, self.known.is_awaited) = (false, false);
        }
        is_of_use
    }

    /// S1, S11: whether a request is sent now.
    pub(super) fn begin_request(&mut self) -> bool {
        let is_due = self.is_subscribed && self.requests.due() == Some(0);
        if is_due {
            self.requests.send();
        }
        is_due
    }

    /// What subscribers are told now.
    pub(super) fn news(&mut self, luck: Luck) -> Option<Published> {
        self.withdraw_expired(luck);
        self.known.tell()
    }
}
