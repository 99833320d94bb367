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
    /// For the driver: the machine wants credentials, or none, or has an earlier timeout.
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

    /// Wakes the receiver and the driver if there is something to do for them after it.
    pub(super) fn with_machine<T>(&self, act: impl FnOnce(&mut Machine) -> T) -> T {
        // Nothing that runs under the lock panics halfway through a change.
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Wishes::of(&machine);
        let result = act(&mut machine);
        if machine.has_transmit() {
            self.transmit.set();
        }
        if Wishes::of(&machine).concern_the_driver(&before) {
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
struct Wishes {
    credentials: bool,
    timeout: Option<Instant>,
}

impl Wishes {
    fn of(machine: &Machine) -> Self {
        Self { credentials: machine.wants_credentials(), timeout: machine.poll_timeout() }
    }

    /// Whether the driver has to know. If a timeout is over, it finds out when it wakes for it.
    fn concern_the_driver(&self, before: &Self) -> bool {
        let is_earlier = |timeout| before.timeout.is_none_or(|before| timeout < before);
        self.credentials != before.credentials || self.timeout.is_some_and(is_earlier)
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
