//! What the rules S1 to S14 ask of the schedule, once more and as plainly as can be: a model for tests
//! to compare it with. It shares no code with the schedule. What is drawn at random, it knows
//! nearly, and is then told.

mod delays;
mod known;
mod questions;
mod requests;
mod words;

pub(super) use self::words::{
    Answer, Draw, Luck, MINUTE, Moment, Nanos, Published, SECOND, Saved, Why,
};
use self::{
    delays::Delays,
    known::Known,
    requests::{Next, Requests},
    words::drawn,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Model {
    is_subscribed: bool,
    requests: Requests,
    delays: Delays,
    known: Known,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            is_subscribed: false,
            requests: Requests::new(),
            delays: Delays::new(),
            known: Known::default(),
        }
    }

    /// S2, S7: a newcomer waits for an answer only if there are no credentials.
    pub(super) fn subscribe(&mut self, luck: Luck) -> Option<Draw> {
        self.requests.subscribe();
        self.is_subscribed = true;
        let draw = self.withdraw_expired(luck);
        if self.known.held.is_none() && self.requests.due() == Some(0) {
            self.known.is_awaited = true;
        }
        draw
    }

    /// S11: what is known stays known.
    pub(super) fn unsubscribe(&mut self) {
        self.is_subscribed = false;
    }

    /// S9.
    pub(super) fn refresh(&mut self) {
        self.requests.refresh();
    }

    /// S10.
    pub(super) fn reject(&mut self) {
        if let Some(held) = &mut self.known.held {
            held.is_rejected = true;
            self.requests.reject();
        }
    }

    /// S7.
    pub(super) fn session_is_renewed(&mut self) {
        if self.delays.failing.why == Some(Why::NotLoggedIn) {
            self.requests.refresh();
        }
    }

    /// S6, S7: the one thing beside their expiry that withdraws credentials.
    pub(super) fn session_ends(&mut self) {
        self.requests.end();
        self.known.drop_held();
        self.known.offer(Published::None(Why::LoggedOut));
        self.known.is_awaited = false;
        self.delays.failing.count(Why::LoggedOut, Moment::NOW);
    }

    /// S1, S11: whether a request is sent now.
    pub(super) fn begin_request(&mut self) -> bool {
        let is_due = self.is_subscribed && self.requests.due() == Some(0);
        if is_due {
            self.requests.send();
        }
        is_due
    }

    pub(super) fn answered(&mut self, answer: Answer, luck: Luck) -> Option<Draw> {
        let draw = match answer {
            Answer::Credentials(name, ttl) => self.succeed(name, ttl, luck),
            Answer::None(Why::LoggedOut) => {
                self.session_ends();
                None
            }
            Answer::None(why) => self.fail(why, luck),
        };
        self.known.is_awaited = false;
        draw
    }

    /// S3, S12, S13.
    fn succeed(&mut self, name: u8, ttl: Nanos, luck: Luck) -> Option<Draw> {
        let sent = self.requests.in_flight.take()?;
        let ttl = ttl.min(30 * 24 * 60 * MINUTE);
        let draw = self.delays.draw_refresh(sent, ttl, luck);
        self.requests.next = Next::At(Moment::NOW);
        self.requests.floor = Some(Moment::NOW.plus(10 * SECOND));
        self.known.hold(name, sent, ttl);
        let is_over = self.known.has_expired();
        self.withdraw_expired(luck);
        (!is_over).then_some(draw)
    }

    /// S4, S5, S7.
    fn fail(&mut self, why: Why, luck: Luck) -> Option<Draw> {
        self.withdraw_expired(luck);
        let sent = self.requests.in_flight.take()?;
        self.delays.failing.count(why, sent);
        (self.requests.floor, self.requests.spacing) = (None, Some(sent.plus(SECOND)));
        if self.known.held.is_none() {
            self.known.offer(Published::None(why));
        }
        let holds = self.known.held.is_some();
        let (next, draw) = self.delays.draw_retry(why, -sent.monotonic, holds, luck);
        self.requests.next = next;
        draw
    }

    /// What was drawn: the next request is due that long from now.
    pub(super) fn was_drawn(&mut self, draw: Draw, due: Nanos) {
        let span = due - draw.from.monotonic.min(draw.from.wall);
        match &mut self.requests.next {
            Next::At(moment) => *moment = draw.from.plus(span),
            Next::RetryAfter(left) => *left = due,
            Next::ForSubscriber(_) | Next::Never => {}
        }
        if let Some(held) = self.known.held.as_mut().filter(|held| held.refresh == 0) {
            held.refresh = span;
        }
    }

    /// S14: what another process saved is the answer. `false` if that is of no use.
    pub(super) fn restored(&mut self, saved: Saved) -> bool {
        let age = -saved.asked_wall;
        if age < 0 || age >= saved.ttl {
            return false;
        }
        let asked = Moment { monotonic: -age, wall: -age };
        self.known.hold(saved.name, asked, saved.ttl);
        if let Some(held) = &mut self.known.held {
            held.refresh = saved.refresh;
        }
        self.requests.next = Next::At(asked.plus(saved.refresh));
        self.requests.floor = Some(asked.plus(10 * SECOND));
        self.requests.in_flight = None;
        (self.delays.is_first, self.known.is_awaited) = (false, false);
        true
    }

    /// What subscribers are told now.
    pub(super) fn news(&mut self, luck: Luck) -> (Option<Published>, Option<Draw>) {
        let draw = self.withdraw_expired(luck);
        (self.known.tell(), draw)
    }

    /// S6: credentials are withdrawn when they expire. The next request is due soon, unless the
    /// homeserver said when.
    fn withdraw_expired(&mut self, luck: Luck) -> Option<Draw> {
        if !self.known.has_expired() {
            return None;
        }
        self.known.drop_held();
        self.known.offer(Published::None(self.delays.failing.why.unwrap_or(Why::Expired)));
        match self.requests.next {
            Next::At(moment) if self.requests.in_flight.is_none() => {
                let span = drawn(luck, 0, 10 * SECOND).min(moment.left());
                Some(Draw { from: Moment::NOW, span, width: 10 * SECOND })
            }
            _ => None,
        }
    }

    pub(super) fn time_passes(&mut self, monotonic: Nanos, wall: Nanos) {
        self.requests.time_passes(monotonic, wall);
        self.known.time_passes(monotonic, wall);
        self.delays.failing.time_passes(monotonic);
    }
}
