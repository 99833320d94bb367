//! How time passes for the model, and how it is told what was drawn at random.

use super::{Model, Nanos, requests::Next};

impl Model {
    pub(crate) fn time_passes(&mut self, monotonic: Nanos, wall: Nanos) {
        let Self { requests, delays, known, .. } = self;
        for awaited in [&mut requests.floor, &mut requests.spacing, &mut requests.rejection_floor] {
            awaited.approach(monotonic, wall);
        }
        match &mut requests.next {
            Next::At(moment) | Next::RetryAfter(moment) => moment.approach(monotonic, wall),
            Next::OnDemand | Next::Never => {}
        }
        requests.for_subscriber.iter_mut().for_each(|moment| moment.approach(monotonic, wall));
        requests.in_flight.iter_mut().for_each(|sent| sent.pass(monotonic, wall));
        delays.failing.time_passes(monotonic);
        if let Some(held) = &mut known.held {
            held.asked.pass(monotonic, wall);
            held.expires.iter_mut().for_each(|expires| expires.approach(monotonic, wall));
        }
    }

    /// The next request is due that long from now.
    pub(crate) fn was_drawn(&mut self, due: Nanos) {
        let Some(draw) = self.draw.take() else { return };
        let span = due - draw.from.monotonic.min(draw.from.wall);
        match &mut self.requests.next {
            Next::At(moment) | Next::RetryAfter(moment) => *moment = draw.from.plus(span),
            Next::OnDemand | Next::Never => {}
        }
        if let Some(held) = self.known.held.as_mut().filter(|held| held.refresh == 0) {
            held.refresh = span;
        }
    }
}
