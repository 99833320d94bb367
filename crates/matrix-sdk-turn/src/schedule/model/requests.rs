//! When the next request may be sent: S1, S3, S5 and S7 to S11.

use super::words::{Moment, Nanos, SECOND};

/// When to ask next, as far as the last answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Next {
    At(Moment),
    /// S5: the wall clock has no say.
    RetryAfter(Nanos),
    /// S7: for somebody who subscribes after this.
    ForSubscriber(Moment),
    Never,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Requests {
    /// S1: when the request was sent that is in flight.
    pub(super) in_flight: Option<Moment>,
    pub(super) next: Next,
    /// S3: none before this after a success, unless a TURN server rejects what it brought.
    pub(super) floor: Option<Moment>,
    /// S9: none before this on demand after a failure.
    pub(super) spacing: Option<Moment>,
    /// S10: one is due for a rejection; and none for another before this.
    is_rejection_due: bool,
    rejection_floor: Option<Moment>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            in_flight: None,
            next: Next::At(Moment::NOW),
            floor: None,
            spacing: None,
            is_rejection_due: false,
            rejection_floor: None,
        }
    }

    /// How long until a request is due, for whoever is subscribed.
    pub(super) fn due(&self) -> Option<Nanos> {
        let left = match self.next {
            _ if self.in_flight.is_some() => return None,
            Next::At(moment) => moment.left(),
            Next::RetryAfter(left) => left,
            Next::ForSubscriber(_) | Next::Never => return None,
        };
        Some(left.max(self.floor.map_or(0, Moment::left)))
    }

    /// S1, S10.
    pub(super) fn send(&mut self) {
        (self.in_flight, self.floor, self.spacing) = (Some(Moment::NOW), None, None);
        if std::mem::take(&mut self.is_rejection_due) {
            self.rejection_floor = Some(Moment::NOW.plus(10 * SECOND));
        }
    }

    /// S7.
    pub(super) fn subscribe(&mut self) {
        if matches!(self.next, Next::ForSubscriber(moment) if moment.left() == 0) {
            self.next = Next::At(Moment::NOW);
        }
    }

    /// S9.
    pub(super) fn refresh(&mut self) {
        if self.in_flight.is_none() && self.floor.is_none_or(|floor| floor.left() == 0) {
            self.ask_soon();
        }
    }

    /// S10.
    pub(super) fn reject(&mut self) {
        if self.in_flight.is_some() || self.is_rejection_due {
            return;
        }
        self.is_rejection_due = true;
        match self.rejection_floor {
            Some(floor) if floor.left() > 0 => self.ask_by(floor),
            _ => {
                self.floor = None;
                self.ask_soon();
            }
        }
    }

    /// S7.
    pub(super) fn end(&mut self) {
        (self.in_flight, self.floor, self.spacing) = (None, None, None);
        self.next = Next::Never;
    }

    fn ask_soon(&mut self) {
        match (self.spacing, self.next) {
            (Some(spacing), _) => self.ask_by(spacing),
            (None, Next::At(_) | Next::ForSubscriber(_)) => self.next = Next::At(Moment::NOW),
            (None, Next::RetryAfter(_) | Next::Never) => {}
        }
    }

    fn ask_by(&mut self, latest: Moment) {
        match self.next {
            Next::At(moment) => {
                let left = moment.left().min(latest.left());
                self.next = Next::At(Moment::NOW.plus(left));
            }
            Next::ForSubscriber(_) => self.next = Next::At(latest),
            Next::RetryAfter(_) | Next::Never => {}
        }
    }

    pub(super) fn time_passes(&mut self, monotonic: Nanos, wall: Nanos) {
        match &mut self.next {
            Next::At(moment) | Next::ForSubscriber(moment) => moment.approach(monotonic, wall),
            Next::RetryAfter(left) => *left = (*left - monotonic).max(0),
            Next::Never => {}
        }
        for deadline in [&mut self.floor, &mut self.spacing, &mut self.rejection_floor] {
            deadline.iter_mut().for_each(|moment| moment.approach(monotonic, wall));
        }
        self.in_flight.iter_mut().for_each(|sent| sent.pass(monotonic, wall));
    }
}
