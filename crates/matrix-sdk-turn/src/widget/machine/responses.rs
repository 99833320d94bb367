//! The responses that wait until the client receives them, and how many may.

use std::collections::VecDeque;

/// While a client receives its messages, hardly any response waits. A response repeats its request,
/// which is no larger than the messages that are looked at.
const MAX_QUEUED: usize = 64;

/// Responses to the widget, in the order of its requests.
#[derive(Default)]
#[cfg_attr(test, derive(Clone, Hash))]
pub(super) struct Responses {
    queue: VecDeque<String>,
    /// A request was dropped since the queue was last empty.
    is_dropping: bool,
}

impl Responses {
    /// Whether the next request is to be dropped rather than answered.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MAX_QUEUED
    }

    /// Notes that a request was dropped. Returns whether it is the first of its burst: the first
    /// since the queue was last empty.
    pub(super) fn note_dropped(&mut self) -> bool {
        !std::mem::replace(&mut self.is_dropping, true)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn extend(&mut self, responses: impl IntoIterator<Item = String>) {
        self.queue.extend(responses);
    }

    pub(super) fn pop(&mut self) -> Option<String> {
        let response = self.queue.pop_front();
        self.is_dropping &= !self.queue.is_empty();
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w19_only_the_first_dropped_request_of_a_burst_is_news() {
        let mut responses = Responses::default();
        responses.extend(["first", "second"].map(str::to_owned));
        assert!(responses.note_dropped());
        assert!(!responses.note_dropped());

        responses.pop();
        assert!(!responses.note_dropped(), "the burst goes on until the queue is empty");
        responses.pop();
        assert!(responses.note_dropped());
    }
}
