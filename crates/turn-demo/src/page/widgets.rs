//! The two widgets' drivers, and the client's ends of them.

use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use matrix_sdk::{Room, widget::WidgetSettings};
use matrix_sdk_turn::{TurnServerCapability, TurnService, TurnWidgetDriverHandle};
use serde_json::{Value, value::RawValue};
use tokio::time::sleep;

use super::{
    events::{Events, Kind, Track},
    from_page::WidgetId,
    prompts::{AskUser, Prompts},
};

/// How long to wait for the driver to unsubscribe.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often to look at the number of subscribers.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What the widgets on one stage have in common.
#[derive(Debug)]
pub(super) struct Widgets {
    room: Room,
    turn: TurnService,
    events: Arc<Events>,
    prompts: Arc<Prompts>,
    open: [Option<TurnWidgetDriverHandle>; 2],
}

impl Widgets {
    pub(super) fn new(
        room: Room,
        turn: TurnService,
        events: Arc<Events>,
        prompts: Arc<Prompts>,
    ) -> Self {
        Self { room, turn, events, prompts, open: [None, None] }
    }

    /// A widget is about to load: it gets a driver of its own, and an earlier one is disconnected.
    pub(super) fn open(&mut self, widget: WidgetId) -> anyhow::Result<()> {
        self.slot(widget).take();
        let settings =
            WidgetSettings::new(widget.as_str().to_owned(), true, "https://widget.example/")?;
        let (driver, handle) = TurnServerCapability::new(self.turn.clone()).widget_driver(settings);
        let provider = AskUser { widget, prompts: self.prompts.clone() };
        tokio::spawn(driver.run(self.room.clone(), provider));
        *self.slot(widget) = Some(handle);
        Ok(())
    }

    /// Drops the handle, and nothing else. The driver notices.
    pub(super) fn close(&mut self, widget: WidgetId) {
        let Some(handle) = self.slot(widget).take() else { return };
        let before = self.turn.status().subscribers;
        let dropped = Instant::now();
        drop(handle);
        let (turn, events) = (self.turn.clone(), self.events.clone());
        tokio::spawn(async move {
            let subscribers = || turn.status().subscribers;
            while subscribers() >= before && dropped.elapsed() < RELEASE_TIMEOUT {
                sleep(LOOK_EVERY).await;
            }
            let now = subscribers();
            let took = dropped.elapsed().as_millis();
            let text = if now < before {
                format!("handle dropped: {before} subscribers before, {now} after {took} ms")
            } else {
                format!("handle dropped: {now} subscribers, as before")
            };
            events.add(Track::Ours, Kind::Note, text);
        });
    }

    /// Passes on what a widget posted.
    pub(super) fn send(&mut self, widget: WidgetId, message: &Value) {
        if let Some(handle) = self.slot(widget) {
            // A driver that has ended says nothing more either.
            let _sent = handle.send(message.to_string());
        }
    }

    /// The next message for a widget. None is lost if the future is dropped.
    pub(super) async fn next_message(&self) -> (WidgetId, Box<RawValue>) {
        let [a, b] = &self.open;
        loop {
            let (widget, message) = tokio::select! {
                message = receive(a.as_ref()) => (WidgetId::A, message),
                message = receive(b.as_ref()) => (WidgetId::B, message),
            };
            if let Ok(message) = RawValue::from_string(message) {
                return (widget, message);
            }
        }
    }

    fn slot(&mut self, widget: WidgetId) -> &mut Option<TurnWidgetDriverHandle> {
        let [a, b] = &mut self.open;
        match widget {
            WidgetId::A => a,
            WidgetId::B => b,
        }
    }
}

async fn receive(handle: Option<&TurnWidgetDriverHandle>) -> String {
    let message = match handle {
        Some(handle) => handle.recv().await,
        None => None,
    };
    match message {
        Some(message) => message,
        None => pending().await,
    }
}
