//! One tab: its stage, and whoever is connected to it.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures::StreamExt;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{from_page::FromPage, protocol::ToPage, stage::Stage, widgets::Widgets};

/// How long a tab's stage waits for its page to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// The page draws what it knows between two of these.
const STATUS_INTERVAL: Duration = Duration::from_millis(250);

/// Serves a tab until its page is gone for good. Each connection takes the place of the one before.
pub(super) async fn run(ttl: Duration, mut connections: mpsc::Receiver<WebSocket>) {
    let mut stage = match Stage::set(ttl).await {
        Ok(stage) => stage,
        Err(error) => {
            tracing::error!(%error, "the stage could not be set");
            if let Some(page) = connections.recv().await {
                refuse(page, format!("{error:#}")).await;
            }
            return;
        }
    };
    let mut widgets = Widgets::new(
        stage.room.clone(),
        stage.turn.clone(),
        stage.events.clone(),
        stage.prompts.clone(),
    );
    let mut next = connections.recv().await;
    let mut resumed = false;
    while let Some(page) = next {
        next = tokio::select! {
            () = serve(&mut stage, &mut widgets, page, resumed) => {
                timeout(PATIENCE, connections.recv()).await.unwrap_or_default()
            }
            another = connections.recv() => another,
        };
        resumed = true;
    }
    drop(widgets);
    stage.strike().await;
}

/// Tells a page why there is nothing to see.
pub(super) async fn refuse(mut page: WebSocket, why: String) {
    // A page that is gone need not know.
    let _ = send(&mut page, &ToPage::Failed { why }).await;
}

/// Ends when the page does.
async fn serve(stage: &mut Stage, widgets: &mut Widgets, mut page: WebSocket, resumed: bool) {
    let welcome = ToPage::Welcome {
        now: stage.events.now(),
        resumed,
        homeserver: stage.homeserver(),
        turn_server: stage.turn_server(),
    };
    if send(&mut page, &welcome).await.is_err() {
        return;
    }
    stage.prompts.show_again();
    let mut ticks = interval(STATUS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let to_page = tokio::select! {
            said = page.next() => match said {
                Some(Ok(Message::Text(text))) => {
                    on_message(stage, widgets, &text);
                    continue;
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            (widget, message) = widgets.next_message() => ToPage::Message { widget, message },
            question = stage.prompts.next() => ToPage::Question(question),
            event = stage.events.next() => ToPage::Event(event),
            _ = ticks.tick() => ToPage::Status(Box::new(stage.status())),
        };
        if send(&mut page, &to_page).await.is_err() {
            return;
        }
    }
}

fn on_message(stage: &mut Stage, widgets: &mut Widgets, text: &str) {
    let message = match serde_json::from_str(text) {
        Ok(message) => message,
        // The text may hold a password.
        Err(error) => return tracing::warn!(line = error.line(), "the page said something else"),
    };
    match message {
        FromPage::Open { widget } => {
            if let Err(error) = widgets.open(widget) {
                tracing::error!(%error, "the widget has no driver");
            }
        }
        FromPage::Close { widget } => widgets.close(widget),
        FromPage::Message { widget, message } => widgets.send(widget, &message),
        FromPage::Decide { widget, allow, remember } => {
            stage.prompts.decide(widget, allow, remember);
        }
        FromPage::Forget => stage.prompts.forget(),
        FromPage::Rejected { username } => stage.report_rejected(&username),
        FromPage::Break(breakage) => stage.break_it(breakage),
    }
}

async fn send(page: &mut WebSocket, message: &ToPage) -> Result<(), axum::Error> {
    match serde_json::to_string(message) {
        Ok(text) => page.send(Message::text(text)).await,
        Err(error) => {
            tracing::error!(%error, "a message for the page is no JSON");
            Ok(())
        }
    }
}
