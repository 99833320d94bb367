//! S1, S7, S9, S10 and S11: whether a request may be sent, and must be.

use super::{
    Broken, Name, Rules, ensure,
    time::{Moment, Nanos, SECOND, Window},
};

/// When the next request is due, as far as the last answer and the app say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Due {
    At(Window),
    /// S5: the homeserver chose the moment, so nothing brings it forward.
    NotBefore(Window),
    /// After an event: a new subscriber, `refresh()`, a renewed session.
    OnDemand,
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Requests {
    /// S1: when the request was sent that is in flight.
    pub(super) in_flight: Option<Moment>,
    pub(super) due: Due,
    /// The rule that made it due then.
    pub(super) rule: &'static str,
    /// S7: due for a new subscriber from this moment on.
    pub(super) for_subscriber: Option<Moment>,
    /// S3: none before this after a success, unless a TURN server rejects what it brought.
    pub(super) floor: Moment,
    /// S9: none before this on demand after a failure.
    pub(super) spacing: Moment,
    /// S10: one is due for a rejection, and none for another before this.
    is_rejection_due: bool,
    rejection_floor: Moment,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            in_flight: None,
            // The first subscriber asks.
            due: Due::At(Window::NOW),
            rule: "S1",
            for_subscriber: None,
            floor: Moment::NOW,
            spacing: Moment::NOW,
            is_rejection_due: false,
            rejection_floor: Moment::NOW,
        }
    }
}

impl Rules {
    /// The task looks whether a request is due.
    pub(super) fn look(&mut self, begins: bool) -> Result<(), Broken> {
        if begins {
            self.s01_one_at_a_time()?;
            self.s11_not_without_subscribers()?;
        }
        let Some((earliest, latest)) = self.next_request() else {
            return ensure(!begins, self.requests.rule, "a request that nothing makes due");
        };
        if begins {
            let is_floor = self.requests.floor.left() > 0;
            let rule = if is_floor { "S3" } else { self.requests.rule };
            ensure(earliest == 0, rule, "a request before it is due")?;
            self.requests.send();
            return Ok(());
        }
        ensure(latest > 0, self.requests.rule, "a request is due, and is not sent")
    }

    /// S1: one request in flight per account.
    fn s01_one_at_a_time(&self) -> Result<(), Broken> {
        ensure(self.requests.in_flight.is_none(), "S1", "a second request in flight")
    }

    /// S11: there are no requests without subscribers.
    fn s11_not_without_subscribers(&self) -> Result<(), Broken> {
        ensure(self.is_subscribed, "S11", "a request without a subscriber")
    }

    /// How long until the next request, at least and at most. `None`: only an event brings it about.
    pub(super) fn next_request(&self) -> Option<(Nanos, Nanos)> {
        self.requests.due().filter(|_| self.is_subscribed)
    }

    /// S10: a rejection of what is held asks now; or, within 10 s of the last request for that reason,
    /// then.
    pub(super) fn s10_reject(&mut self, name: Name) {
        let Some(held) = self.held.as_mut().filter(|held| held.name == name) else { return };
        held.is_rejected = true;
        self.requests.s10_reject();
    }
}

impl Requests {
    /// The next request is due like this, by that rule.
    pub(super) fn plan(&mut self, rule: &'static str, due: Due) {
        (self.rule, self.due) = (rule, due);
    }

    /// An answer is there: what follows from earlier ones is over.
    pub(super) fn plan_after_answer(&mut self, rule: &'static str, due: Due) {
        self.plan(rule, due);
        self.for_subscriber = None;
    }

    fn due(&self) -> Option<(Nanos, Nanos)> {
        let (Due::At(window) | Due::NotBefore(window), None) = (self.due, self.in_flight) else {
            return None;
        };
        let floor = self.floor.left();
        Some((window.earliest.left().max(floor), window.latest.left().max(floor)))
    }

    pub(super) fn end(&mut self) {
        *self = Self { rule: "S7", due: Due::Never, ..Self::default() };
    }

    fn send(&mut self) {
        (self.in_flight, self.floor, self.spacing) = (Some(Moment::NOW), Moment::NOW, Moment::NOW);
        if std::mem::take(&mut self.is_rejection_due) {
            self.rejection_floor = Moment::after(10 * SECOND);
        }
    }

    /// S7: a subscriber who comes late enough asks again.
    pub(super) fn s07_subscribe(&mut self) {
        if self.for_subscriber.take_if(|moment| moment.left() == 0).is_some() {
            self.plan("S7", Due::At(Window::NOW));
        }
    }

    /// S9: `refresh()` asks now, unless a request is in flight, the last success is younger than 10 s,
    /// `retry_after` runs, or the session has ended; after a failure at most once per second.
    pub(super) fn s09_refresh(&mut self) {
        if self.in_flight.is_none() && self.floor.left() == 0 {
            self.ask_by("S9", self.spacing);
        }
    }

    fn s10_reject(&mut self) {
        if self.in_flight.is_some() || std::mem::replace(&mut self.is_rejection_due, true) {
            return;
        }
        if self.rejection_floor.left() > 0 {
            self.ask_by("S10", self.rejection_floor);
        } else {
            self.floor = Moment::NOW;
            self.ask_by("S10", self.spacing);
        }
    }

    fn ask_by(&mut self, rule: &'static str, latest: Moment) {
        let latest = Window::exactly(latest);
        match self.due {
            Due::At(window) => self.plan(rule, Due::At(window.at_the_latest(latest))),
            Due::OnDemand => self.plan(rule, Due::At(latest)),
            Due::NotBefore(_) | Due::Never => {}
        }
    }

    pub(super) fn pass(&mut self, monotonic: Nanos, wall: Nanos) {
        for awaited in [&mut self.floor, &mut self.spacing, &mut self.rejection_floor] {
            awaited.approach(monotonic, wall);
        }
        match &mut self.due {
            Due::At(window) | Due::NotBefore(window) => window.approach(monotonic, wall),
            Due::OnDemand | Due::Never => {}
        }
        self.for_subscriber.iter_mut().for_each(|moment| moment.approach(monotonic, wall));
        self.in_flight.iter_mut().for_each(|sent| sent.pass(monotonic, wall));
    }
}
