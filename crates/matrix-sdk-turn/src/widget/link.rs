//! What ties a driver and its handles together.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use matrix_sdk::widget::WidgetDriverHandle;

use super::{machine::Machine, signal::Signal};
use crate::clock::{Clock, Timestamp};

/// What a driver and its handles share: the machine, and how they wake each other.
pub(super) struct Link {
    machine: Mutex<Machine>,
    clock: Arc<dyn Clock>,
    is_closed: AtomicBool,
    /// The SDK's handle, once all of ours are dropped: the driver's to use once more, and to drop.
    sdk_handle: Mutex<Option<WidgetDriverHandle>>,
    /// For the receiver: the machine has a message for the widget.
    pub(super) transmit: Signal,
    /// For the driver: what the machine wants of it has changed.
    pub(super) changed: Signal,
}

impl Link {
    pub(super) fn new(machine: Machine, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            machine: Mutex::new(machine),
            clock,
            is_closed: AtomicBool::new(false),
            sdk_handle: Mutex::new(None),
            transmit: Signal::default(),
            changed: Signal::default(),
        })
    }

    /// Lets `act` change the machine, and wakes whoever has something to do then: the receiver, the
    /// driver.
    pub(super) fn with_machine<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        // Nothing that runs under the lock panics halfway through a change.
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Wishes::of(&machine);
        let result = act(&mut machine);
        let has_transmit = machine.has_transmit();
        let concerns_the_driver = Wishes::of(&machine).concern_the_driver(&before);
        // A waker may do anything, and use the handle for one.
        drop(machine);
        if has_transmit {
            self.transmit.set();
        }
        if concerns_the_driver {
            self.changed.set();
        }
        result
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Leaves the SDK's handle to the driver: all of ours are dropped.
    pub(super) fn hand_over(&self, sdk_handle: WidgetDriverHandle) {
        *self.sdk_handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(sdk_handle);
    }

    pub(super) fn take_sdk_handle(&self) -> Option<WidgetDriverHandle> {
        self.sdk_handle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether one end is gone, so that nothing is left to do for the other.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.with_machine(Machine::close);
        self.changed.set();
    }
}

/// What the machine wants of the driver.
pub(super) struct Wishes {
    pub(super) credentials: bool,
    pub(super) state: bool,
    pub(super) timeout: Option<Instant>,
}

impl Wishes {
    pub(super) fn of(machine: &Machine) -> Self {
        Self {
            credentials: machine.wants_credentials(),
            state: machine.wants_state(),
            timeout: machine.poll_timeout(),
        }
    }

    /// Whether the driver has to know. Not of a timeout that is gone or later: it wakes at the
    /// earlier one, and looks again.
    fn concern_the_driver(&self, before: &Self) -> bool {
        let is_earlier = |timeout| before.timeout.is_none_or(|before| timeout < before);
        self.credentials != before.credentials
            || (self.state && !before.state)
            || self.timeout.is_some_and(is_earlier)
    }
}

/// One of the two ends, the driver or all handles together. Closes the link when it is dropped.
pub(super) struct End(Arc<Link>);

impl End {
    pub(super) fn of(link: &Arc<Link>) -> Self {
        Self(link.clone())
    }

    pub(super) fn link(&self) -> Arc<Link> {
        self.0.clone()
    }
}

impl Deref for End {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_driver_has_to_know_of_a_change_a_new_wish_and_an_earlier_timeout() {
        let [early, late] = [1, 2].map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let wishes = |credentials, state, timeout| Wishes { credentials, state, timeout };
        for (before, after, is_concerned) in [
            (wishes(false, false, None), wishes(false, false, None), false),
            (wishes(false, false, None), wishes(true, false, None), true),
            (wishes(true, false, None), wishes(false, false, None), true),
            (wishes(true, false, None), wishes(true, true, None), true),
            (wishes(true, true, None), wishes(true, true, None), false),
            (wishes(true, true, None), wishes(true, false, None), false),
            (wishes(true, false, None), wishes(true, false, Some(late)), true),
            (wishes(true, false, Some(late)), wishes(true, false, Some(early)), true),
            (wishes(true, false, Some(late)), wishes(true, false, Some(late)), false),
            (wishes(true, false, Some(early)), wishes(true, false, Some(late)), false),
            (wishes(true, false, Some(early)), wishes(true, false, None), false),
        ] {
            assert_eq!(after.concern_the_driver(&before), is_concerned);
        }
    }
}
