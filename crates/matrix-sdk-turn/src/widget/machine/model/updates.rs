//! What a widget that watches was told, and whether it acknowledged that: W11.

use super::Millis;

/// What the widget was told last since it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Told {
    update: Option<u8>,
    times: u8,
    /// It did not acknowledge the first.
    is_overdue: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Updates {
    told: Option<Told>,
    /// For how long an acknowledgement is still waited for.
    pub(super) in_flight: Option<Millis>,
}

impl Updates {
    /// One at a time, and the same a second time only if the first was not acknowledged.
    pub(super) fn is_due(&self, update: Option<u8>) -> bool {
        let is_news = self
            .told
            .is_none_or(|told| told.update != update || (told.is_overdue && told.times == 1));
        is_news && self.in_flight.is_none()
    }

    pub(super) fn send(&mut self, update: Option<u8>) {
        let is_second = self.told.is_some_and(|told| told.update == update && told.is_overdue);
        self.told = Some(Told { update, times: 1 + u8::from(is_second), is_overdue: false });
        self.in_flight = Some(10_000);
    }

    pub(super) fn look_at_the_time(&mut self) {
        if self.in_flight == Some(0) {
            self.in_flight = None;
            self.told.iter_mut().for_each(|told| told.is_overdue = true);
        }
    }

    /// What was told is told again, once nothing is in flight.
    pub(super) fn forget(&mut self) {
        self.told = None;
    }
}
