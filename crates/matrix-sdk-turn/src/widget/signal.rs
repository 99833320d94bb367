//! Wakes one task, or one part of it, and nobody else.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// A flag that anybody sets. Whoever waits for it is woken and takes it. Only one may wait at a time.
#[derive(Default)]
pub(super) struct Signal {
    is_set: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    pub(super) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it was set.
    pub(super) fn take(&self) -> bool {
        self.is_set.load(Ordering::Acquire) && self.is_set.swap(false, Ordering::AcqRel)
    }

    /// The same, and if it was not, the task is woken when it is.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<()> {
        self.waker.register(cx.waker());
        if self.take() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}

/// A future that is one of several in its task. It is polled only if it was woken, not whenever
/// another one of them was.
pub(super) struct Woken<F> {
    future: F,
    signal: Arc<Signal>,
    waker: Waker,
}

impl<F: Future + Unpin> Woken<F> {
    pub(super) fn new(future: F) -> Self {
        let signal = Arc::new(Signal::default());
        signal.set();
        Self { future, waker: signal.clone().into(), signal }
    }
}

impl<F: Future + Unpin> Future for Woken<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, signal, waker } = self.get_mut();
        match signal.poll_take(cx) {
            Poll::Ready(()) => Pin::new(future).poll(&mut Context::from_waker(waker)),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, pin::pin};

    use futures_util::{FutureExt, join};

    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_whether_it_was_set_before_or_after() {
        let signal = Signal::default();
        signal.set();
        poll_fn(|cx| signal.poll_take(cx)).await;
        assert_eq!(poll_fn(|cx| signal.poll_take(cx)).now_or_never(), None, "it is taken");
        join!(poll_fn(|cx| signal.poll_take(cx)), async { signal.set() });
    }

    #[tokio::test]
    async fn a_part_is_not_polled_for_another() {
        let signal = Signal::default();
        let polls = Cell::new(0);
        let counted = pin!(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            signal.poll_take(cx)
        }));
        let mut part = Woken::new(counted);
        assert_eq!((&mut part).now_or_never(), None);
        assert_eq!((&mut part).now_or_never(), None);
        assert_eq!(polls.get(), 1);
        join!(part, async { signal.set() });
        assert_eq!(polls.get(), 2);
    }

    #[test]
    fn a_part_that_wakes_itself_is_polled_again() {
        let mut polls = 0;
        let itself = pin!(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            polls += 1;
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        let mut part = Woken::new(itself);
        assert_eq!((&mut part).now_or_never(), None);
        assert_eq!((&mut part).now_or_never(), Some(()));
    }
}
