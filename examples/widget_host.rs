//! A client that hosts a widget which places calls, Element Call for one, and grants it TURN servers.
//!
//! ```sh
//! cargo run --package examples --example widget_host
//! ```
//!
//! `host` is the client's part. The rest plays the widget, whose messages a web view would carry: it asks
//! for the capability, watches the TURN servers, and is sent an update whenever there are other
//! credentials.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use examples::{describe, log_in, say};
use matrix_sdk::{Room, config::SyncSettings, widget::WidgetSettings};
use matrix_sdk_turn::{
    CapabilitiesWithTurn, TurnCapabilitiesProvider, TurnServerCapability, TurnService,
    TurnWidgetDriverHandle, async_trait,
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};
use turn_embedded::{EmbeddedServers, room_id};

/// Short, so that there is something to see within half a minute.
const TTL: Duration = Duration::from_secs(20);

/// More than the schedule allows for.
const PATIENCE: Duration = Duration::from_secs(30);

const WIDGET_ID: &str = "call";

/// How the capability is written until MSC3846 is accepted.
const TURN_SERVERS: &str = "town.robin.msc3846.turn_servers";

/// The user, who is asked once for everything that the widget requests.
struct Prompt;

#[async_trait]
impl TurnCapabilitiesProvider for Prompt {
    async fn acquire_capabilities(&self, requested: CapabilitiesWithTurn) -> CapabilitiesWithTurn {
        // A widget with TURN credentials can relay traffic at the homeserver's expense. That is one more
        // line in the prompt.
        say(format_args!(
            "prompt: the widget wants TURN servers ({}); the user agrees",
            requested.turn_servers
        ));
        requested
    }
}

/// What a client does: two lines differ from a client without TURN.
fn host(
    turn: &TurnService,
    room: Room,
) -> Result<(JoinHandle<Result<(), ()>>, TurnWidgetDriverHandle)> {
    let url = "https://call.example.org";
    let settings = WidgetSettings::new(WIDGET_ID.to_owned(), true, url)?;
    // Instead of `WidgetDriver::new(settings)`. A client that has no service of its own takes
    // `TurnServerCapability::shared()`.
    let (driver, handle) = TurnServerCapability::new(turn.clone()).widget_driver(settings);
    // Instead of `driver.run(room, provider)` with a provider that knows nothing of TURN.
    let driver = tokio::spawn(driver.run(room, Prompt));
    Ok((driver, handle))
}

#[tokio::main]
async fn main() -> Result<()> {
    let servers = EmbeddedServers::start(TTL, None).await?;
    let client = log_in(&servers.homeserver).await?;
    client.sync_once(SyncSettings::new()).await?;
    let room = client.get_room(&room_id()).context("the account is in one room")?;
    let turn = TurnService::new(&client);

    let (driver, handle) = host(&turn, room)?;
    let outcome = timeout(PATIENCE, play_widget(&handle, &turn)).await;
    // The call ends: dropping the last handle ends the driver, as it does with the SDK's own.
    drop(handle);
    let ended = timeout(PATIENCE, driver).await;
    turn.end_session();
    servers.stop().await;
    outcome.context("the widget waited in vain")??;
    // It returns an error: for the driver, the widget is gone.
    let _gone = ended.context("the driver outlived its handle")??;
    say("the driver has ended with its last handle");
    Ok(())
}

/// The widget: from its start to the second credentials.
async fn play_widget(handle: &TurnWidgetDriverHandle, turn: &TurnService) -> Result<()> {
    send(handle, &from_widget("content_loaded")).await?;
    let mut updates = 0;
    while updates < 2 {
        let message = handle.recv().await.context("the client closed the widget")?;
        let mut message: Value = serde_json::from_str(&message)?;
        let action = message["action"].as_str().unwrap_or_default().to_owned();
        if message["api"] == "fromWidget" {
            say(format_args!("widget ← answer to {action}"));
            continue;
        }
        say(format_args!("widget ← {action}"));
        message["response"] = json!({});
        match action.as_str() {
            "capabilities" => message["response"] = json!({ "capabilities": [TURN_SERVERS] }),
            "update_turn_servers" => {
                updates += 1;
                // The message holds the password. Whoever logs widget messages logs it.
                let uris = &message["data"]["uris"];
                let held = turn.get().await?;
                say(format_args!("widget holds {uris}; the client: {}", describe(&held)));
            }
            _ => {}
        }
        send(handle, &message).await?;
        if action == "notify_capabilities" {
            send(handle, &from_widget("watch_turn_servers")).await?;
        }
    }
    Ok(())
}

fn from_widget(action: &str) -> Value {
    say(format_args!("widget → {action}"));
    json!({
        "api": "fromWidget",
        "widgetId": WIDGET_ID,
        "requestId": format!("of {action}"),
        "action": action,
        "data": {},
    })
}

async fn send(handle: &TurnWidgetDriverHandle, message: &Value) -> Result<()> {
    ensure!(handle.send(message.to_string()).await, "the client closed the widget");
    Ok(())
}
