//! When the next request may be sent: S1, S3, S5 to S7, S9, S10 and S14.

use self::Next::{At, Never, OnDemand, RetryAfter};
use super::words::{Draw, Luck, Moment, Nanos, SECOND};

/// When to ask next, as far as the last answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Next {
    At(Moment),
    /// S5: nothing brings it forward.
    RetryAfter(Moment),
    OnDemand,
    Never,
}

impl Default for Next {
    fn default() -> Self {
        At(Moment::NOW)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Requests {
    /// S1: when the request was sent that is in flight.
    pub(super) in_flight: Option<Moment>,
    pub(super) next: Next,
    /// S7: due for a new subscriber from then on.
    pub(super) for_subscriber: Option<Moment>,
    /// S3: none before this after a success, unless a TURN server rejects what it brought.
    pub(super) floor: Moment,
    /// S9: none before this on demand after a failure.
    pub(super) spacing: Moment,
    /// S10: one is due for a rejection; and none for another before this.
    is_rejection_due: bool,
    pub(super) rejection_floor: Moment,
}

impl Requests {
    /// How long until a request is due, for whoever is subscribed.
    pub(super) fn due(&self) -> Option<Nanos> {
        match self.next {
            _ if self.in_flight.is_some() => None,
            At(moment) => Some(moment.left().max(self.floor.left())),
            RetryAfter(moment) => Some(moment.left()),
            OnDemand | Never => None,
        }
    }

    /// S1, S10.
    pub(super) fn send(&mut self) {
        (self.in_flight, self.floor, self.spacing) = (Some(Moment::NOW), Moment::NOW, Moment::NOW);
        if std::mem::take(&mut self.is_rejection_due) {
            self.rejection_floor = Moment::after(10 * SECOND);
        }
    }

    /// S7.
    pub(super) fn subscribe(&mut self) {
        if self.for_subscriber.take_if(|moment| moment.left() == 0).is_some() {
            self.next = At(Moment::NOW);
        }
    }

    /// S9.
    pub(super) fn refresh(&mut self) {
        if self.in_flight.is_none() && self.floor.left() == 0 {
            self.ask_by(self.spacing);
        }
    }

    /// S10.
    pub(super) fn reject(&mut self) {
        if self.in_flight.is_some() || self.is_rejection_due {
            return;
        }
        self.is_rejection_due = true;
        if self.rejection_floor.left() > 0 {
            self.ask_by(self.rejection_floor);
        } else {
            self.floor = Moment::NOW;
            self.ask_by(self.spacing);
        }
    }

    fn ask_by(&mut self, latest: Moment) {
        match self.next {
            At(moment) => self.next = At(Moment::after(moment.left().min(latest.left()))),
            OnDemand => self.next = At(latest),
            RetryAfter(_) | Never => {}
        }
    }

    /// S3. Returns when the request was sent.
    pub(super) fn succeed(&mut self) -> Moment {
        (self.next, self.floor) = (At(Moment::NOW), Moment::after(10 * SECOND));
        self.for_subscriber = None;
        self.in_flight.take().unwrap_or(Moment::NOW)
    }

    /// S9. Returns when the request was sent.
    pub(super) fn fail(&mut self) -> Moment {
        let sent = self.in_flight.take().unwrap_or(Moment::NOW);
        self.spacing = sent.plus(SECOND);
        sent
    }

    /// S7.
    pub(super) fn end(&mut self) {
        (self.in_flight, self.next, self.for_subscriber) = (None, Never, None);
        (self.floor, self.spacing) = (Moment::NOW, Moment::NOW);
    }

    /// S14.
    pub(super) fn restored(&mut self, asked: Moment, refresh: Nanos) {
        (self.in_flight, self.for_subscriber) = (None, None);
        (self.next, self.floor) = (At(asked.plus(refresh)), asked.plus(10 * SECOND));
    }

    /// S6: soon, unless a request is in flight, or the homeserver said when.
    pub(super) fn draw_soon(&self, luck: Luck) -> Option<Draw> {
        let (At(moment), None) = (self.next, self.in_flight) else { return None };
        let draw = Draw::from_now(luck, 0, 10 * SECOND);
        Some(Draw { span: draw.span.min(moment.left()), ..draw })
    }
}
