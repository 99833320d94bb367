//! The client's end: messages from the widget go in, messages to it come out.

use std::{
    fmt,
    future::poll_fn,
    ops::Not,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::lock::Mutex;
use matrix_sdk::widget::WidgetDriverHandle;

use super::{
    link::End,
    machine::Disposition,
    message::{FROM_WIDGET, TO_WIDGET, may_be_one_of},
    sdk,
};

/// The SDK's [`WidgetDriverHandle`] with TURN added.
///
/// Clones talk to the same widget. Dropping the last of them disconnects the widget: its
/// subscription to the credentials is released at once, and
/// [`TurnWidgetDriver::run`](crate::TurnWidgetDriver::run) returns.
///
/// [`WidgetDriverHandle`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriverHandle.html
#[derive(Clone)]
pub struct TurnWidgetDriverHandle {
    inner: Arc<Inner>,
}

impl TurnWidgetDriverHandle {
    pub(super) fn new(sdk: WidgetDriverHandle, end: End) -> Self {
        Self { inner: Arc::new(Inner { sdk: Some(sdk), receiving: Mutex::default(), end }) }
    }

    /// The next message for the widget, like
    /// [`WidgetDriverHandle::recv`]. `None` once the
    /// driver is no longer running.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any await without losing a message. If several are waiting, each message
    /// goes to one of them; so poll what you have begun to poll, or drop it: the others wait for it.
    ///
    /// [`WidgetDriverHandle::recv`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriverHandle.html#method.recv
    pub async fn recv(&self) -> Option<String> {
        let inner = &*self.inner;
        let mut last = inner.receiving.lock().await;
        let mut from_sdk = pin!(inner.sdk.as_ref()?.recv());
        poll_fn(|cx| {
            // Ours come first, but not twice in a row, or a widget could hold up the SDK's for ever.
            if *last == Received::TheSdks
                && inner.end.transmit.take()
                && let Some(message) = inner.poll_transmit()
            {
                *last = Received::Ours;
                return Poll::Ready(Some(message));
            }
            if let Poll::Ready(message) = from_sdk.as_mut().poll(cx) {
                *last = Received::TheSdks;
                return Poll::Ready(inner.on_sdk_message(message));
            }
            if inner.end.transmit.poll_take(cx).is_ready()
                && let Some(message) = inner.poll_transmit()
            {
                *last = Received::Ours;
                return Poll::Ready(Some(message));
            }
            Poll::Pending
        })
        .await
    }

    /// Passes on a message of the widget's, like
    /// [`WidgetDriverHandle::send`]: at once, and
    /// never waiting. `false` if the driver is no longer running.
    ///
    /// In matrix-sdk 0.18 that is an `async fn`, in 0.19 it is not. [`Sent`] is a future that is
    /// ready, so that code written for either compiles.
    ///
    /// [`WidgetDriverHandle::send`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriverHandle.html#method.send
    pub fn send(&self, message: String) -> Sent {
        Sent(self.inner.send(message))
    }
}

impl fmt::Debug for TurnWidgetDriverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnWidgetDriverHandle").finish_non_exhaustive()
    }
}

/// Whether [`TurnWidgetDriverHandle::send`] reached a running driver: a future that is ready.
///
/// The message is already sent; there is no need to await this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent(bool);

impl Future for Sent {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(self.0)
    }
}

impl Not for Sent {
    type Output = bool;

    fn not(self) -> bool {
        !self.0
    }
}

impl From<Sent> for bool {
    fn from(Sent(sent): Sent) -> Self {
        sent
    }
}

/// Whose message was received last.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Received {
    Ours,
    #[default]
    TheSdks,
}

/// What the clones of a handle share, and the driver does not: when the last clone is dropped, the
/// SDK's handle is to be dropped as well.
struct Inner {
    /// There until `drop` hands it over.
    sdk: Option<WidgetDriverHandle>,
    /// One receiver at a time: a signal has room for one. (And matrix-sdk 0.19 has a lock within;
    /// whoever waited for that would not hear of our messages.)
    receiving: Mutex<Received>,
    end: End,
}

impl Inner {
    fn send(&self, message: String) -> bool {
        if self.end.is_closed() {
            return false;
        }
        let is_consumed = may_be_one_of(FROM_WIDGET, &message)
            && self.end.with_machine(|machine| {
                machine.on_message_from_widget(|| self.end.now(), &message) == Disposition::Consumed
            });
        is_consumed || self.send_to_sdk(message)
    }

    fn send_to_sdk(&self, message: String) -> bool {
        self.sdk.as_ref().is_some_and(|handle| sdk::send(handle, message))
    }

    /// A message of the SDK's; or, once its driver is gone, what is left of ours.
    fn on_sdk_message(&self, message: Option<String>) -> Option<String> {
        match message {
            Some(message) if may_be_one_of(TO_WIDGET, &message) => {
                Some(self.end.with_machine(|machine| machine.on_message_to_widget(message)))
            }
            Some(message) => Some(message),
            None => self.poll_transmit(),
        }
    }

    fn poll_transmit(&self) -> Option<String> {
        self.end.with_machine(|machine| machine.poll_transmit(|| self.end.now()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(sdk) = self.sdk.take() {
            self.end.hand_over(sdk);
        }
    }
}
