//! What happened on a stage, on its way to the page.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::{sync::Notify, time::Instant};

/// How many events wait for a page that is not there. The oldest make room.
const CAPACITY: usize = 256;

/// Whose policy an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Track {
    Ours,
    MatrixJsSdk,
    HydrogenWeb,
}

/// What kind of event it is, for the timeline's marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Request,
    Answer,
    Error,
    /// Something that the user did.
    Action,
    /// Something that the library did and that is no request.
    Note,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    /// Milliseconds since the stage began.
    at: u64,
    track: Track,
    kind: Kind,
    text: String,
}

/// The events that the page has not been told yet.
#[derive(Debug)]
pub(super) struct Events {
    began: Instant,
    waiting: Mutex<VecDeque<Event>>,
    added: Notify,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), waiting: Mutex::default(), added: Notify::new() }
    }

    /// Milliseconds since the stage began.
    pub(super) fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    pub(super) fn add(&self, track: Track, kind: Kind, text: impl Into<String>) {
        let event = Event { at: self.now(), track, kind, text: text.into() };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == CAPACITY {
            waiting.pop_front();
        }
        waiting.push_back(event);
        self.added.notify_one();
    }

    /// The next event. None is lost if the future is dropped.
    pub(super) async fn next(&self) -> Event {
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(event) => return event,
                None => self.added.notified().await,
            }
        }
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_that_is_gone_costs_no_more_than_the_newest_events() {
        let events = Events::new();
        for number in 0..CAPACITY + 3 {
            events.add(Track::Ours, Kind::Note, number.to_string());
        }
        assert_eq!(events.next().await.text, "3");
        assert_eq!(events.waiting.lock().unwrap().len(), CAPACITY - 1);
    }
}
