//! What our driver and handle do as the SDK's own, told by comparison: a bare driver of the SDK's and
//! one of ours are given the same, and must give the same back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lifetimes;
mod messages;

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use matrix_sdk::{
    Room,
    widget::{WidgetDriver, WidgetDriverHandle},
};
use matrix_sdk_turn::{
    GrantTurnServers, TurnServerCapability, TurnService, TurnWidgetDriver, TurnWidgetDriverHandle,
};
use tests::{
    homeserver::Homeserver,
    source::scripted,
    widget::{PlainProvider, settings},
};

/// What the SDK's handle and ours have in common.
trait Handle: Send + Sync {
    fn recv(&self) -> BoxFuture<'_, Option<String>>;
    fn send(&self, message: String) -> bool;
}

/// What the SDK's `send` returns: with matrix-sdk 0.18 a future, with 0.19 a `bool`. Neither waits.
struct Sending<T>(Option<T>);

#[allow(dead_code, reason = "with matrix-sdk 0.18")]
trait SentAtOnce {
    fn finish(self) -> bool;
}

impl SentAtOnce for Sending<bool> {
    fn finish(self) -> bool {
        self.0.unwrap()
    }
}

#[allow(dead_code, reason = "with matrix-sdk 0.19")]
trait SentOncePolled {
    fn finish(self) -> bool;
}

impl<F: Future<Output = bool>> SentOncePolled for &mut Sending<F> {
    fn finish(self) -> bool {
        self.0.take().and_then(FutureExt::now_or_never).unwrap()
    }
}

impl Handle for WidgetDriverHandle {
    fn recv(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(WidgetDriverHandle::recv(self))
    }

    fn send(&self, message: String) -> bool {
        Sending(Some(WidgetDriverHandle::send(self, message))).finish()
    }
}

impl Handle for TurnWidgetDriverHandle {
    fn recv(&self) -> BoxFuture<'_, Option<String>> {
        Box::pin(TurnWidgetDriverHandle::recv(self))
    }

    fn send(&self, message: String) -> bool {
        TurnWidgetDriverHandle::send(self, message).into()
    }
}

/// A driver that does not run yet.
enum Driver {
    Bare(WidgetDriver),
    Ours(TurnWidgetDriver),
}

impl Driver {
    async fn run(self, room: Room) -> Result<(), ()> {
        match self {
            Self::Bare(driver) => driver.run(room, PlainProvider).await,
            Self::Ours(driver) => driver.run(room, GrantTurnServers(PlainProvider)).await,
        }
    }
}

/// What both drivers need.
struct Setup {
    homeserver: Homeserver,
    room: Room,
    turn: TurnService,
}

impl Setup {
    async fn start() -> Self {
        let homeserver = Homeserver::start().await;
        let room = homeserver.room().await;
        let turn = TurnService::builder(scripted().0).build();
        Self { homeserver, room, turn }
    }

    fn bare(&self) -> (Driver, Arc<dyn Handle>) {
        let (driver, handle) = WidgetDriver::new(settings());
        (Driver::Bare(driver), Arc::new(handle))
    }

    fn ours(&self) -> (Driver, Arc<dyn Handle>) {
        let capability = TurnServerCapability::new(self.turn.clone());
        let (driver, handle) = capability.widget_driver(settings());
        (Driver::Ours(driver), Arc::new(handle))
    }
}

fn request(action: &str) -> String {
    tests::widget::request(action, action).to_string()
}
