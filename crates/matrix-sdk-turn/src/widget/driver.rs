//! The client's task: it serves the widget, and subscribes to the credentials from the grant on and
//! while the widget watches.

use std::{
    fmt,
    future::{pending, poll_fn},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use matrix_sdk::{
    Room,
    widget::{Capabilities, CapabilitiesProvider, WidgetDriver, WidgetSettings},
};
use tokio::time::{sleep, sleep_until};
use tracing::{Instrument, debug_span};

use super::{
    capability::{Account, TurnServerCapability},
    handle::TurnWidgetDriverHandle,
    link::{End, Link, Wishes},
    machine::Machine,
    provider::{CapabilitiesWithTurn, TurnCapabilitiesProvider},
    sdk,
    signal::Woken,
};
use crate::{
    runtime::InRuntime,
    service::{TurnService, TurnStates},
    state::TurnState,
};

/// How long the SDK's driver has, once the last handle is dropped, to work off what the widget sent
/// before: an event that ends a call, say. As long as the SDK gives any request of its own; beyond
/// that, for instance behind a prompt that nobody answers any more, it would keep the room and its
/// client alive for nobody.
const FAREWELL: Duration = Duration::from_secs(10);

impl TurnServerCapability {
    /// A driver for one widget and the handle to talk to it, like
    /// [`WidgetDriver::new`].
    ///
    /// When the widget's page loads again, drop both and make new ones. In a page that stays, where
    /// the widget is a frame that loads again, you **must**: the SDK negotiates capabilities once
    /// per driver, so a widget built on matrix-js-sdk would wait for the negotiation for ever.
    ///
    /// [`WidgetDriver::new`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriver.html#method.new
    pub fn widget_driver(
        &self,
        settings: WidgetSettings,
    ) -> (TurnWidgetDriver, TurnWidgetDriverHandle) {
        let Self { account, empty_update_when_unavailable, fallback_for_widgets } = self.clone();
        let widget_id = settings.widget_id().to_owned();
        let machine = Machine::new(&widget_id, empty_update_when_unavailable);
        let link = Link::new(machine, account.clock());
        let (driver, handle) = WidgetDriver::new(settings);
        (
            TurnWidgetDriver {
                driver,
                account,
                fallback_for_widgets,
                widget_id,
                end: End::of(&link),
            },
            TurnWidgetDriverHandle::new(handle, End::of(&link)),
        )
    }
}

/// The SDK's [`WidgetDriver`] with TURN added.
///
/// From [`TurnServerCapability::widget_driver`].
///
/// [`WidgetDriver`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriver.html
pub struct TurnWidgetDriver {
    driver: WidgetDriver,
    account: Account,
    fallback_for_widgets: bool,
    widget_id: String,
    end: End,
}

impl TurnWidgetDriver {
    /// Serves the widget in a joined `room` until it is disconnected or a terminal error occurs,
    /// like [`WidgetDriver::run`].
    ///
    /// Dropping the last [handle](TurnWidgetDriverHandle) disconnects the widget. Its subscription
    /// to the credentials is released at once. What it sent before is still worked off, for at most
    /// 10 seconds; then this returns.
    ///
    /// # Errors
    ///
    /// As the SDK's: without saying why. A widget that was disconnected is an error as well.
    ///
    /// # Panics
    ///
    /// The future panics when it is first polled outside of a tokio runtime, like [`tokio::spawn`],
    /// unless the capability was made from a [`TurnService`], or inside of a runtime: then it runs
    /// on that one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future disconnects the widget, and releases its subscription to the
    /// credentials. (A task of the SDK's, which waits for messages of the widget's, ends with the
    /// last handle.) It may be dropped on any thread: `room` is dropped inside a runtime.
    ///
    /// [`WidgetDriver::run`]: https://docs.rs/matrix-sdk/latest/matrix_sdk/widget/struct.WidgetDriver.html#method.run
    /// [`tokio::spawn`]: https://docs.rs/tokio/latest/tokio/task/fn.spawn.html
    #[allow(clippy::result_unit_err, reason = "it is the SDK's")]
    pub fn run(
        self,
        room: Room,
        capabilities_provider: impl TurnCapabilitiesProvider,
    ) -> impl Future<Output = Result<(), ()>> + Send {
        let runtime = self.account.runtime();
        let running = Box::pin(self.run_in_runtime(room, capabilities_provider));
        match runtime {
            Some(runtime) => InRuntime::new(running, runtime),
            None => InRuntime::current(running),
        }
    }

    async fn run_in_runtime(
        self,
        room: Room,
        capabilities_provider: impl TurnCapabilitiesProvider,
    ) -> Result<(), ()> {
        let Self { driver, account, fallback_for_widgets, widget_id, end } = self;
        let turn = account.service(&room);
        let span = debug_span!("turn_widget_driver", room_id = %room.room_id(), widget_id);
        let provider = AskedOnce { link: end.link(), provider: capabilities_provider };
        async {
            let sdk = pin!(driver.run(room, provider));
            let ours = pin!(async {
                serve_turn(&end, &turn, fallback_for_widgets).await;
                disconnect_sdk(&end);
                sleep(FAREWELL).await;
            });
            // Ours first: an SDK that has much to do leaves it nothing of the task's budget.
            tokio::select! {
                biased;
                () = Woken::new(ours) => Err(()),
                result = sdk => result,
            }
        }
        .instrument(span)
        .await
    }
}

impl fmt::Debug for TurnWidgetDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnWidgetDriver")
            .field("account", &self.account)
            .field("widget_id", &self.widget_id)
            .finish_non_exhaustive()
    }
}

/// The SDK's driver notices that its handle is gone when it next sends a message, which may be never.
/// So it is given a last request: when it has worked off what came before, it fails to answer that.
///
/// To be called by the task that runs the SDK's driver. Anywhere else, the driver could answer before
/// the handle is dropped, and notice nothing.
fn disconnect_sdk(link: &Link) {
    let last_request = link.with_machine(|machine| machine.harmless_request());
    if let (Some(handle), Some(request)) = (link.take_sdk_handle(), last_request) {
        sdk::send(&handle, request);
    }
}

/// Provides the machine with time and credentials until there is no handle left.
async fn serve_turn(link: &Link, turn: &TurnService, fallback_for_widgets: bool) {
    let mut states: Option<TurnStates> = None;
    let on_state = |state: TurnState| {
        let state = if fallback_for_widgets { state } else { state.without_fallback() };
        link.with_machine(|machine| machine.on_turn_state(link.now(), state));
    };
    while !link.is_closed() {
        let wishes = link.with_machine(|machine| {
            machine.handle_timeout(|| link.now());
            Wishes::of(machine)
        });
        if !wishes.credentials && states.take().is_some() {
            link.with_machine(Machine::on_unsubscribed);
        }
        if wishes.credentials && states.is_none() {
            states = Some(turn.subscribe());
        }
        if wishes.credentials
            && wishes.state
            && let Some(state) = turn.state()
        {
            on_state(state);
        }

        // In the order of what they cost to wait for.
        tokio::select! {
            biased;
            () = poll_fn(|cx| link.changed.poll_take(cx)) => {}
            state = next_state(&mut states) => on_state(state),
            () = async {
                match wishes.timeout {
                    Some(timeout) => sleep_until(timeout.into()).await,
                    None => pending().await,
                }
            } => {}
        }
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

/// Asks the client's provider for the SDK's capabilities and for TURN at once.
struct AskedOnce<P> {
    link: Arc<Link>,
    provider: P,
}

impl<P: TurnCapabilitiesProvider> CapabilitiesProvider for AskedOnce<P> {
    /// Boxed, since it is part of the SDK's future for every message, which is moved each time.
    fn acquire_capabilities(
        &self,
        capabilities: Capabilities,
    ) -> impl Future<Output = Capabilities> + Send {
        Box::pin(async move {
            let turn_servers = self.link.with_machine(|machine| machine.is_turn_requested());
            let requested = CapabilitiesWithTurn { capabilities, turn_servers };
            let granted = self.provider.acquire_capabilities(requested).await;
            self.link.with_machine(|machine| {
                machine.on_decision(|| self.link.now(), granted.turn_servers);
            });
            granted.capabilities
        })
    }
}
