//! Numbered messages in one direction, and what the end that receives them notes.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

use serde::Deserialize;

/// Between two messages.
pub(crate) const INTERVAL: Duration = Duration::from_millis(50);

/// Between two arrivals, more than a machine with other things to do is to blame for.
const NOTICEABLE_GAP: Duration = Duration::from_millis(250);

/// What one end of a call saw: `flow.js` makes the same. Times are seconds since the call began.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Numbers that never arrived, although greater ones did.
    pub(crate) missing: u64,
    /// The longest time without a message, up to the present.
    pub(crate) longest_gap: f64,
    /// When that ended.
    pub(crate) gap_ended_at: f64,
    /// All that can be noticed: when each ended, and how long it was.
    pub(crate) gaps: Vec<(f64, f64)>,
    /// How long ago the last message arrived.
    pub(crate) silent_for: f64,
    /// Each state of the ICE connection, and when it was reached.
    pub(crate) ice_states: Vec<(f64, String)>,
}

impl Report {
    /// The longest time without a message that falls into one of these spans, in part at least.
    pub(crate) fn longest_gap_in(&self, spans: &[(f64, f64)]) -> f64 {
        let is_in = |(ended, length): &(f64, f64)| {
            spans.iter().any(|(start, end)| ended - length < *end && start < ended)
        };
        self.gaps.iter().filter(|gap| is_in(gap)).map(|(_, length)| *length).fold(0.0, f64::max)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received, missing, longest_gap, gap_ended_at, .. } = self;
        write!(
            f,
            "{received} messages arrived, {missing} missing; longest gap {longest_gap:.2} s, until \
             {gap_ended_at:.0} s; ICE"
        )?;
        if self.ice_states.is_empty() {
            f.write_str(" stays connected")?;
        }
        self.ice_states.iter().try_for_each(|(at, state)| write!(f, " {state} {at:.1} s"))
    }
}

/// What has arrived at one end.
pub(super) struct Arrivals {
    began: Instant,
    last: Instant,
    received: u64,
    /// The least number that is greater than all that arrived.
    next: u64,
    missing: BTreeSet<u64>,
    longest_gap: Duration,
    gap_ended: Instant,
    gaps: Vec<(f64, f64)>,
    ice_states: Vec<(f64, String)>,
}

impl Arrivals {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            last: began,
            received: 0,
            next: 0,
            missing: BTreeSet::new(),
            longest_gap: Duration::ZERO,
            gap_ended: began,
            gaps: Vec::new(),
            ice_states: Vec::new(),
        }
    }

    /// Making the connection is no gap in the flow.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.began, self.last, self.gap_ended) = (now, now, now);
        self.ice_states.clear();
    }

    pub(super) fn note(&mut self, number: u64, now: Instant) {
        self.note_time(now);
        if number >= self.next {
            self.missing.extend(self.next..number);
            self.next = number + 1;
            self.received += 1;
        } else if self.missing.remove(&number) {
            self.received += 1;
        }
    }

    pub(super) fn note_ice_state(&mut self, state: String) {
        self.ice_states.push((self.began.elapsed().as_secs_f64(), state));
    }

    /// Whether all numbers below this one arrived.
    pub(super) fn has_all_below(&self, number: u64) -> bool {
        self.next >= number && self.missing.range(..number).next().is_none()
    }

    /// As it stands at the moment `now`, when this end has sent this many.
    pub(super) fn report(&self, sent: u64, now: Instant) -> Report {
        let silent_for = now - self.last;
        let (longest_gap, gap_ended) = if silent_for > self.longest_gap {
            (silent_for, now)
        } else {
            (self.longest_gap, self.gap_ended)
        };
        Report {
            sent,
            received: self.received,
            missing: self.missing.len() as u64,
            longest_gap: longest_gap.as_secs_f64(),
            gap_ended_at: (gap_ended - self.began).as_secs_f64(),
            gaps: self.gaps.clone(),
            silent_for: silent_for.as_secs_f64(),
            ice_states: self.ice_states.clone(),
        }
    }

    fn note_time(&mut self, now: Instant) {
        let gap = now - self.last;
        if gap > self.longest_gap {
            (self.longest_gap, self.gap_ended) = (gap, now);
        }
        if gap > NOTICEABLE_GAP {
            self.gaps.push(((now - self.began).as_secs_f64(), gap.as_secs_f64()));
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_late_is_not_missing_and_what_never_does_is() {
        let now = Instant::now();
        let mut arrivals = Arrivals::new(now);
        for number in [0, 1, 4, 3, 4] {
            arrivals.note(number, now);
        }
        let report = arrivals.report(6, now);
        assert_eq!((report.received, report.missing), (4, 1));
        assert!(arrivals.has_all_below(2) && !arrivals.has_all_below(3));
        arrivals.note(2, now);
        assert!(arrivals.has_all_below(5) && !arrivals.has_all_below(6));
    }

    #[test]
    fn a_gap_counts_while_it_lasts() {
        let began = Instant::now();
        let at = |second| began + Duration::from_secs(second);
        let mut arrivals = Arrivals::new(began);
        arrivals.note(0, at(3));
        arrivals.note(1, at(4));

        let report = arrivals.report(0, at(5));
        assert_eq!([report.longest_gap, report.gap_ended_at, report.silent_for], [3.0, 3.0, 1.0]);
        let report = arrivals.report(0, at(9));
        assert_eq!([report.longest_gap, report.gap_ended_at, report.silent_for], [5.0, 9.0, 5.0]);
        assert_eq!(report.gaps, [(3.0, 3.0), (4.0, 1.0)]);
    }

    #[test]
    fn a_gap_falls_into_a_span_that_it_overlaps() {
        let report = Report {
            gaps: vec![(3.0, 2.0), (9.0, 1.0)],
            ..Arrivals::new(Instant::now()).report(0, Instant::now())
        };
        for (spans, expected) in [
            ([(0.0, 0.9), (3.1, 7.9)], 0.0),
            ([(0.0, 1.1), (9.1, 9.9)], 2.0),
            ([(2.9, 3.5), (5.0, 6.0)], 2.0),
            ([(5.0, 6.0), (8.5, 8.6)], 1.0),
        ] {
            assert_eq!(report.longest_gap_in(&spans), expected, "{spans:?}");
        }
    }
}
