//! What is simulated.

use std::time::Duration;

use benches::{
    fleet::{AfterOutage, Fleet, Restated, Scenario},
    load::Load,
    phones::Phones,
    progress::Progress,
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const OUTAGE: Duration = Duration::from_secs(20 * 60);

/// After so many days, phones that all began without credentials ask as they will for ever.
const DAYS: u32 = 8;

/// Over which shares of the TTL the first refresh is spread: the real schedule's is the last.
const SPREADS: [(f64, f64); 2] = [(0.2, 0.7), (0.7 - 2.0 / 3.0, 0.7)];

/// When the first refresh after an outage is due: the real schedule's is the last.
const AGAIN: [AfterOutage; 3] = [AfterOutage::AsEver, AfterOutage::Spread, AfterOutage::KeepSlot];

/// A schedule, and what a homeserver sees of it from the second TTL to an outage, and from a minute
/// after the outage on.
pub(crate) struct Variant {
    /// The real one, if it is none of the restated ones.
    pub(crate) restated: Option<Restated>,
    pub(crate) before: Load,
    pub(crate) after: Load,
}

/// Phones, and what a homeserver sees of them on their last day.
pub(crate) struct LastDay {
    pub(crate) phones: Phones,
    pub(crate) load: Load,
}

impl LastDay {
    pub(crate) fn requests_per_phone(&self) -> f64 {
        self.load.mean * DAY.as_secs_f64() / f64::from(self.phones.clients)
    }

    pub(crate) fn is_at_any_time(&self) -> bool {
        self.phones.awake == (Duration::ZERO, DAY)
    }
}

/// All of it.
pub(crate) struct Figures {
    pub(crate) clients: u32,
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) variants: Vec<Variant>,
    pub(crate) last_days: Vec<LastDay>,
}

impl Figures {
    pub(crate) fn measure(clients: u32) -> Self {
        let progress = Progress::new(4 + 7 + 4);
        Self {
            clients,
            scenarios: scenarios(clients, &progress),
            variants: variants(clients, &progress),
            last_days: last_days(clients, &progress),
        }
    }

    pub(crate) fn scenario(&self, ttl: Duration, has_outage: bool) -> &Scenario {
        let wanted = |fleet: &Fleet| fleet.ttl == ttl && fleet.outage.is_some() == has_outage;
        let found = self.scenarios.iter().find(|scenario| wanted(&scenario.fleet));
        found.expect("each TTL is simulated with and without an outage")
    }

    /// The load after an outage, if the schedule spread the first refresh as the real one does, and did
    /// `otherwise` then.
    pub(crate) fn after(&self, otherwise: AfterOutage) -> Load {
        let wanted = |variant: &&Variant| {
            variant.restated.is_some_and(|restated| restated.after_outage == otherwise)
        };
        self.variants.iter().rfind(wanted).expect("each is simulated").after
    }
}

fn scenarios(clients: u32, progress: &Progress) -> Vec<Scenario> {
    let outage = Some((3 * DAY, OUTAGE));
    let fleets = [(HOUR, None), (HOUR, outage), (DAY, None), (DAY, outage)];
    let play = |(ttl, outage)| {
        let fleet = Fleet { clients, ttl, length: 7 * DAY, outage };
        progress.step(fleet);
        Scenario { fleet, seconds: fleet.requests_per_second() }
    };
    fleets.into_iter().map(play).collect()
}

fn variants(clients: u32, progress: &Progress) -> Vec<Variant> {
    let begins = 12 * HOUR;
    let fleet = Fleet { clients, ttl: HOUR, length: DAY, outage: Some((begins, OUTAGE)) };
    let restated = SPREADS.into_iter().flat_map(|first_refresh| {
        AGAIN.map(|after_outage| Some(Restated { first_refresh, after_outage }))
    });
    let play = |restated| {
        progress.step("variants of the schedule");
        let seconds = match restated {
            Some(restated) => fleet.requests_per_second_restated(restated),
            None => fleet.requests_per_second(),
        };
        let [hour, begins, settled] =
            [HOUR, begins, begins + OUTAGE + MINUTE].map(|span| span.as_secs() as usize);
        let (before, after) = (Load::of(&seconds[hour..begins]), Load::of(&seconds[settled..]));
        Variant { restated, before, after }
    };
    restated.chain([None]).map(play).collect()
}

fn last_days(clients: u32, progress: &Progress) -> Vec<LastDay> {
    let awake = [(Duration::ZERO, DAY), (7 * HOUR, 23 * HOUR)];
    let kinds = awake.into_iter().flat_map(|awake| [(awake, false), (awake, true)]);
    let play = |(awake, persist)| {
        progress.step(format_args!("phones{}", if persist { " that persist" } else { "" }));
        // Without, one day is as the other.
        let days = if persist { DAYS } else { 1 };
        let phones = Phones { clients, ttl: DAY, days, starts: 20, awake, persist };
        let seconds = phones.requests_per_second();
        let last_day = &seconds[seconds.len() - DAY.as_secs() as usize..];
        LastDay { phones, load: Load::of(last_day) }
    };
    kinds.map(play).collect()
}
