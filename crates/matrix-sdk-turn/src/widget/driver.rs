//! The SDK's driver and handle with TURN added: channels, timers and a subscription around the
//! [`Machine`].

use std::{
    convert::Infallible,
    fmt,
    future::pending,
    ops::Not,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use matrix_sdk::{
    Room,
    widget::{
        Capabilities, CapabilitiesProvider, WidgetDriver, WidgetDriverHandle, WidgetSettings,
    },
};
use tokio::{sync::Notify, time::sleep_until};
use tracing::{Instrument, debug_span};

#[allow(unused_imports, reason = "which one is used depends on the version of matrix-sdk")]
use super::sdk::{Sending, SentAtOnce as _, SentOncePolled as _};
use super::{
    capability::{CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability},
    machine::{Disposition, Machine},
    message::{FROM_WIDGET, TO_WIDGET},
};
use crate::{
    clock::{Clock, Timestamp},
    service::{TurnService, TurnStates},
    state::TurnState,
};

impl TurnServerCapability {
    /// A driver for one widget and the handle to talk to it, like
    /// [`WidgetDriver::new`](matrix_sdk::widget::WidgetDriver::new).
    ///
    /// When the widget's page loads again, drop both and make new ones. With the old ones, a widget
    /// that does not say `content_loaded` counts as one that watches, and its next
    /// `watch_turn_servers` has no effect, as MSC3846 says: it gets credentials when they change.
    pub fn widget_driver(
        &self,
        settings: WidgetSettings,
    ) -> (TurnWidgetDriver, TurnWidgetDriverHandle) {
        let Self { turn, empty_update_when_unavailable } = self.clone();
        let machine = Machine::new(settings.widget_id(), empty_update_when_unavailable);
        let (driver, handle) = WidgetDriver::new(settings);
        let shared = Arc::new(Shared {
            sdk: handle,
            machine: Mutex::new(machine),
            clock: turn.clock(),
            closed: AtomicBool::new(false),
            receiving: tokio::sync::Mutex::default(),
            transmit: Notify::new(),
            changed: Notify::new(),
        });
        let closing = CloseOnDrop(shared.clone());
        (TurnWidgetDriver { driver, turn, closing }, TurnWidgetDriverHandle { shared })
    }
}

/// The SDK's [`WidgetDriver`] with TURN added.
///
/// From [`TurnServerCapability::widget_driver`].
pub struct TurnWidgetDriver {
    driver: WidgetDriver,
    turn: TurnService,
    closing: CloseOnDrop,
}

impl TurnWidgetDriver {
    /// Serves the widget in a joined `room` until it is disconnected or a terminal error occurs,
    /// like [`WidgetDriver::run`](matrix_sdk::widget::WidgetDriver::run).
    ///
    /// # Errors
    ///
    /// As the SDK's: without saying why.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, like [`tokio::spawn`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future disconnects the widget, and releases its subscription to the
    /// credentials. (A task of the SDK's, which waits for messages of the widget's, ends with the
    /// last handle.)
    #[allow(clippy::result_unit_err, reason = "it is the SDK's")]
    pub async fn run(
        self,
        room: Room,
        capabilities_provider: impl TurnCapabilitiesProvider,
    ) -> Result<(), ()> {
        let Self { driver, turn, closing: CloseOnDrop(ref shared) } = self;
        let provider = AskedOnce { shared: shared.clone(), provider: capabilities_provider };
        let span = debug_span!("turn_widget_driver", room_id = %room.room_id());
        tokio::select! {
            result = driver.run(room, provider) => result,
            never = shared.serve_turn(&turn).instrument(span) => match never {},
        }
    }
}

impl fmt::Debug for TurnWidgetDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnWidgetDriver").field("turn", &self.turn).finish_non_exhaustive()
    }
}

/// The SDK's [`WidgetDriverHandle`] with TURN added.
///
/// Clones talk to the same widget.
#[derive(Clone)]
pub struct TurnWidgetDriverHandle {
    shared: Arc<Shared>,
}

impl TurnWidgetDriverHandle {
    /// The next message for the widget, like
    /// [`WidgetDriverHandle::recv`](matrix_sdk::widget::WidgetDriverHandle::recv). `None` once the
    /// driver is no longer running.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any await without losing a message. If several are waiting, each message
    /// goes to one of them.
    pub async fn recv(&self) -> Option<String> {
        self.shared.recv().await
    }

    /// Passes on a message of the widget's, like
    /// [`WidgetDriverHandle::send`](matrix_sdk::widget::WidgetDriverHandle::send): at once, and
    /// never waiting. `false` if the driver is no longer running.
    ///
    /// In matrix-sdk 0.18 that is an `async fn`, in 0.19 it is not. [`Sent`] is a future that is
    /// ready, so that code written for either compiles.
    pub fn send(&self, message: String) -> Sent {
        Sent(self.shared.send(message))
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

/// What the driver and the handles share.
struct Shared {
    sdk: WidgetDriverHandle,
    machine: Mutex<Machine>,
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
    /// One receiver at a time: matrix-sdk 0.19 has a lock within, and whoever waits for it must be
    /// woken by our messages as well.
    receiving: tokio::sync::Mutex<()>,
    /// Wakes the receiver: the machine has a message for the widget.
    transmit: Notify,
    /// Wakes the driver: the machine may want credentials, or another timeout.
    changed: Notify,
}

impl Shared {
    fn with_machine<T>(&self, act: impl FnOnce(&mut Machine, Timestamp) -> T) -> T {
        // Nothing that runs under the lock panics halfway through a change.
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut machine, self.clock.now());
        if machine.has_transmit() {
            self.transmit.notify_one();
        }
        result
    }

    fn send(&self, message: String) -> bool {
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        if FROM_WIDGET.are_in(&message) {
            let disposition =
                self.with_machine(|machine, now| machine.on_message_from_widget(now, &message));
            self.changed.notify_one();
            if disposition == Disposition::Consumed {
                return true;
            }
        }
        Sending::new(self.sdk.send(message)).succeeded()
    }

    async fn recv(&self) -> Option<String> {
        let _receiving = self.receiving.lock().await;
        loop {
            tokio::select! {
                biased;
                () = self.transmit.notified() => {
                    if let Some(message) = self.poll_transmit() {
                        return Some(message);
                    }
                }
                message = self.sdk.recv() => return match message {
                    Some(message) if TO_WIDGET.are_in(&message) => {
                        Some(self.with_machine(|machine, _| machine.on_message_to_widget(message)))
                    }
                    Some(message) => Some(message),
                    None => self.poll_transmit(),
                },
            }
        }
    }

    fn poll_transmit(&self) -> Option<String> {
        let message = self.with_machine(Machine::poll_transmit);
        if message.is_some() {
            // An update has to be acknowledged in time.
            self.changed.notify_one();
        }
        message
    }

    async fn serve_turn(&self, turn: &TurnService) -> Infallible {
        let mut states: Option<TurnStates> = None;
        loop {
            let (wants_credentials, timeout) = self.with_machine(|machine, now| {
                machine.handle_timeout(now);
                (machine.wants_credentials(), machine.poll_timeout())
            });
            if !wants_credentials && states.take().is_some() {
                self.with_machine(|machine, _| machine.on_unsubscribed());
            }
            if wants_credentials && states.is_none() {
                states = Some(turn.subscribe());
            }

            tokio::select! {
                state = next_state(&mut states) => {
                    self.with_machine(|machine, now| machine.on_turn_state(now, state));
                }
                () = async {
                    match timeout {
                        Some(timeout) => sleep_until(timeout.into()).await,
                        None => pending().await,
                    }
                } => {}
                () = self.changed.notified() => {}
            }
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.with_machine(|machine, _| machine.close());
    }
}

async fn next_state(states: &mut Option<TurnStates>) -> TurnState {
    match states {
        Some(states) => match states.next().await {
            Some(state) => state,
            None => pending().await,
        },
        None => pending().await,
    }
}

/// The driver is gone, whether it ran or not.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Asks the client's provider for the SDK's capabilities and for TURN at once.
struct AskedOnce<P> {
    shared: Arc<Shared>,
    provider: P,
}

impl<P: TurnCapabilitiesProvider> CapabilitiesProvider for AskedOnce<P> {
    async fn acquire_capabilities(&self, capabilities: Capabilities) -> Capabilities {
        let turn_servers = self.shared.with_machine(|machine, _| machine.is_turn_requested());
        let requested = CapabilitiesWithTurn { capabilities, turn_servers };
        let granted = self.provider.acquire_capabilities(requested).await;
        self.shared.with_machine(|machine, _| machine.on_decision(granted.turn_servers));
        self.shared.changed.notify_one();
        granted.capabilities
    }
}
