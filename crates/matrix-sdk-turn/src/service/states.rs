//! The stream of states, and what it means to be subscribed.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::{FusedStream, Stream};
use futures_util::StreamExt;
use tokio_stream::wrappers::WatchStream;

use super::{shared::Shared, task};
use crate::state::{Seen, TurnState};

/// Counts as a subscriber until it is dropped.
pub(super) struct Subscription {
    shared: Arc<Shared>,
}

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.subscribe();
        task::ensure(shared);
        Self { shared: shared.clone() }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.unsubscribe();
    }
}

/// A [`Stream`] of [`TurnState`]s, from [`TurnService::subscribe`](crate::TurnService::subscribe).
///
/// It ends after the state that says that the session has ended
/// ([`LoggedOut`](crate::UnavailableReason::LoggedOut)), or that the service's runtime has
/// ([`RuntimeEnded`](crate::UnavailableReason::RuntimeEnded)). A slow subscriber misses states in
/// between, never the newest. The stream yields no credentials that have expired in the meantime, and
/// never the same state twice in a row.
///
/// It may be polled and dropped on any thread, inside a tokio runtime or not.
///
/// [`Stream`]: https://docs.rs/futures-core/latest/futures_core/stream/trait.Stream.html
pub struct TurnStates {
    /// Ticks at once, and whenever there is something to see.
    published: WatchStream<u64>,
    /// What there is to see is out of date until the next answer.
    awaits_outcome: bool,
    seen: Seen,
    /// `None` once the stream has ended.
    subscription: Option<Subscription>,
}

impl TurnStates {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let subscription = Subscription::new(shared);
        Self {
            awaits_outcome: shared.is_waiting_for_outcome(),
            published: shared.published(),
            seen: Seen::default(),
            subscription: Some(subscription),
        }
    }

    /// The next state, as [`StreamExt::next`] without an import. `None` once the session or the service's
    /// runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any await without losing a state.
    pub async fn next(&mut self) -> Option<TurnState> {
        StreamExt::next(self).await
    }
}

impl Stream for TurnStates {
    type Item = TurnState;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TurnState>> {
        let Some(subscription) = &self.subscription else { return Poll::Ready(None) };
        let shared = subscription.shared.clone();
        loop {
            match Pin::new(&mut self.published).poll_next(cx) {
                Poll::Ready(Some(_)) => {}
                // Withdrawing what has expired publishes something: there is more to see.
                Poll::Pending if shared.withdraw_expired() => continue,
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
            }
            self.awaits_outcome = self.awaits_outcome && shared.is_waiting_for_outcome();
            if self.awaits_outcome {
                continue;
            }
            let state = shared.state_for_streams().filter(|state| self.seen.is_news(state));
            let Some(state) = state else { continue };
            self.seen.note(&state);
            if state.is_final() {
                self.subscription = None;
            }
            return Poll::Ready(Some(state));
        }
    }
}

impl FusedStream for TurnStates {
    fn is_terminated(&self) -> bool {
        self.subscription.is_none()
    }
}

impl fmt::Debug for TurnStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnStates").finish_non_exhaustive()
    }
}
