//! What must be dropped inside a tokio runtime, wherever its last owner happens to be.
//!
//! The stores of matrix-sdk's `Client` close their databases on a runtime's blocking threads, and
//! panic in their destructors where there is none. Clients of bindings drop their objects on the
//! thread of a garbage collector, GTK clients on glib's, and both abort the process by that.

use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "widget")]
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

/// Drops its value inside a tokio runtime: the one of the thread that drops it, or else its own.
///
/// A runtime that has shut down will do. If there is none at all, the value is leaked: a leak is
/// better than an abort.
pub(crate) struct InRuntime<T: Send + 'static> {
    /// `None` only once it is dropped.
    value: Option<T>,
    /// `None` if there was no runtime when this was made.
    runtime: Option<Handle>,
}

impl<T: Send + 'static> InRuntime<T> {
    /// Drops `value` inside `runtime`.
    pub(crate) fn new(value: T, runtime: Handle) -> Self {
        Self { value: Some(value), runtime: Some(runtime) }
    }

    /// Drops `value` inside the runtime of this thread, if it has one.
    #[cfg(any(feature = "client", feature = "widget"))]
    pub(crate) fn current(value: T) -> Self {
        Self { value: Some(value), runtime: Handle::try_current().ok() }
    }

    /// The value: `Some` until this is dropped.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

/// Polls its value inside a tokio runtime: the one of the thread that polls it, or else its own.
#[cfg(feature = "widget")]
impl<F: Future + Send + Unpin + 'static> Future for InRuntime<F> {
    type Output = F::Output;

    #[allow(clippy::panic, reason = "as `tokio::spawn` does, but with words that say what to do")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { value, runtime } = self.get_mut();
        let Some(future) = value else { return Poll::Pending };
        let future = Pin::new(future);
        match (Handle::try_current(), &runtime) {
            (Ok(_), Some(_)) => future.poll(cx),
            (Ok(here), None) => {
                *runtime = Some(here);
                future.poll(cx)
            }
            (Err(_), Some(runtime)) => {
                let _entered = runtime.enter();
                future.poll(cx)
            }
            (Err(_), None) => {
                panic!("there is no tokio runtime to run on: poll this inside of one")
            }
        }
    }
}

impl<T: Send + 'static> Drop for InRuntime<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        match (Handle::try_current(), self.runtime.take()) {
            (Ok(_), _) => drop(value),
            (Err(error), Some(runtime)) if error.is_missing_context() => {
                let _entered = runtime.enter();
                drop(value);
            }
            // This thread is ending, and can enter no runtime any more.
            (Err(_), Some(runtime)) => drop_on_another_thread(value, runtime),
            (Err(_), None) => std::mem::forget(value),
        }
    }
}

fn drop_on_another_thread<T: Send + 'static>(value: T, runtime: Handle) {
    let value = Arc::new(Mutex::new(Some(value)));
    let taken = value.clone();
    let spawned = std::thread::Builder::new().spawn(move || {
        let _entered = runtime.enter();
        drop(taken.lock().unwrap_or_else(PoisonError::into_inner).take());
    });
    if spawned.is_err() {
        // The system has no more threads.
        std::mem::forget(value);
    }
}
