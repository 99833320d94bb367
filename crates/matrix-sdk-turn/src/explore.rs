//! Every interleaving: a system, taken through all sequences of events while its rules are checked.
//!
//! The search is breadth-first, so the sequence that a failure is told with is one of the shortest
//! that lead there. States that were reached before are not gone on from: what follows from them was
//! looked at. To tell them, all of a state is hashed. (That two of a million states have the same hash
//! of 64 bits by chance is expected once in 30 million runs.)
//!
//! Time must not keep states apart that are the same otherwise: see [`aging`](crate::clock::aging).

use std::{
    collections::HashSet,
    fmt::Debug,
    hash::{Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A system in one of its states, together with what checks it.
pub(crate) trait System: Clone + Hash {
    type Event: Copy + Debug;

    /// What can happen next.
    fn events(&self) -> Vec<Self::Event>;

    /// Lets it happen, and checks what the system does.
    ///
    /// # Errors
    ///
    /// The rule that the system broke.
    fn on(&mut self, event: Self::Event) -> Result<(), String>;
}

/// How far the search came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) depth: Depth,
}

/// How long the sequences were.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    UpTo(usize),
    /// No event leads from the states at this depth to another one: longer sequences bring nothing
    /// new.
    All(usize),
}

/// Whether explorations go to their full depth, as in CI (see docs/testing.md).
pub(crate) fn is_full() -> bool {
    std::env::var_os("TURN_EXPLORATION").is_some_and(|depth| depth == "full")
}

/// Takes a system through all sequences of at most that many events.
pub(crate) fn explore<S: System>(start: S, most: usize) -> Explored {
    let mut seen = HashSet::from([digest(&start)]);
    let mut trail = Trail(Vec::new());
    let mut frontier = vec![(None, start)];
    for depth in 0..most {
        let mut next = Vec::new();
        for (place, state) in frontier {
            for event in state.events() {
                let mut after = state.clone();
                let outcome = catch_unwind(AssertUnwindSafe(|| after.on(event)));
                if let Err(why) = outcome.unwrap_or_else(|_| Err("it panicked".to_owned())) {
                    panic!("{why}, after{}", trail.told(place, event));
                }
                if seen.insert(digest(&after)) {
                    next.push((trail.add(place, event), after));
                }
            }
        }
        if next.is_empty() {
            return Explored { states: seen.len(), depth: Depth::All(depth) };
        }
        frontier = next;
    }
    Explored { states: seen.len(), depth: Depth::UpTo(most) }
}

/// How each state was reached first: the place of the one before it, and the event.
struct Trail<E>(Vec<(Option<usize>, E)>);

impl<E: Copy + Debug> Trail<E> {
    fn add(&mut self, from: Option<usize>, event: E) -> Option<usize> {
        self.0.push((from, event));
        Some(self.0.len() - 1)
    }

    /// The events up to the last, a line each.
    fn told(&self, mut place: Option<usize>, last: E) -> String {
        let mut events = vec![last];
        while let Some((from, event)) = place.map(|place| self.0[place]) {
            events.push(event);
            place = from;
        }
        let lines = events.iter().rev().enumerate();
        lines.map(|(index, event)| format!("\n{:4}. {event:?}", index + 1)).collect()
    }
}

fn digest(state: &impl Hash) -> u64 {
    let mut digest = Digest(0);
    state.hash(&mut digest);
    digest.finish()
}

/// Quick without optimisation, unlike the standard library's.
struct Digest(u64);

impl Hasher for Digest {
    fn write(&mut self, mut bytes: &[u8]) {
        while let Some((word, rest)) = bytes.split_first_chunk() {
            self.write_u64(u64::from_le_bytes(*word));
            bytes = rest;
        }
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
