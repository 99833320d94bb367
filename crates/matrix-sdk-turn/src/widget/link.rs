//! What ties a driver and its handles together.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use matrix_sdk::widget::WidgetDriverHandle;
use tokio::sync::Notify;

use super::machine::Machine;
use crate::clock::{Clock, Timestamp};

/// What a driver and its handles share: the machine, and how they wake each other.
pub(super) struct Link {
    machine: Mutex<Machine>,
    clock: Arc<dyn Clock>,
    is_closed: AtomicBool,
    /// The SDK's handle, once all of ours are dropped: the driver's to use once more, and to drop.
    sdk_handle: Mutex<Option<WidgetDriverHandle>>,
    /// Wakes the receiver: the machine has a message for the widget.
    pub(super) transmit: Notify,
    /// Wakes the driver: the machine may want credentials, or another timeout.
    pub(super) changed: Notify,
}

impl Link {
    pub(super) fn new(machine: Machine, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            machine: Mutex::new(machine),
            clock,
            is_closed: AtomicBool::new(false),
            sdk_handle: Mutex::new(None),
            transmit: Notify::new(),
            changed: Notify::new(),
        })
    }

    pub(super) fn with_machine<T>(&self, act: impl FnOnce(&mut Machine, Timestamp) -> T) -> T {
        // Nothing that runs under the lock panics halfway through a change.
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let result = act(&mut machine, now);
        if machine.has_transmit(now) {
            self.transmit.notify_one();
        }
        result
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
        self.with_machine(|machine, _| machine.close());
        self.changed.notify_one();
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
