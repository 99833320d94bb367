//! What differs between the versions of matrix-sdk that are supported.

use futures_util::FutureExt;
use matrix_sdk::widget::WidgetDriverHandle;

/// Passes a message of the widget's to the SDK. `false` if its driver is no longer running.
pub(super) fn send(handle: &WidgetDriverHandle, message: String) -> bool {
    Sending(Some(handle.send(message))).succeeded()
}

/// What `WidgetDriverHandle::send` returns: up to 0.18 a future of whether the driver is still
/// running, from 0.19 on just that. Either way the message is sent without waiting.
///
/// Which of the two traits has the method for `Sending<T>` is found by the compiler: it prefers the
/// one that needs no reference to it.
struct Sending<T>(Option<T>);

#[allow(dead_code, reason = "with matrix-sdk 0.18")]
trait SentAtOnce {
    fn succeeded(self) -> bool;
}

impl SentAtOnce for Sending<bool> {
    fn succeeded(self) -> bool {
        self.0 == Some(true)
    }
}

#[allow(dead_code, reason = "with matrix-sdk 0.19")]
trait SentOncePolled {
    fn succeeded(self) -> bool;
}

impl<F: Future<Output = bool>> SentOncePolled for &mut Sending<F> {
    fn succeeded(self) -> bool {
        // The channel has no bound, so the first poll sends.
        self.0.take().and_then(FutureExt::now_or_never) == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_return_type_is_understood() {
        for sent in [true, false] {
            assert_eq!(Sending(Some(sent)).succeeded(), sent);
            assert_eq!(Sending(Some(async move { sent })).succeeded(), sent);
        }
    }
}
