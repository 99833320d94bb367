//! The widget in a page, as a scenario sees it.

use std::{fmt::Display, time::Duration};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    host::Host,
    parts::{Browser, Page, ensure_all_candidates_are_relays},
    relay::TurnServers,
    wait::until,
};

/// The capability to watch TURN servers.
pub(crate) const TURN_SERVERS: &str = "town.robin.msc3846.turn_servers";

/// The version of the widget API that says that they can be watched.
pub(crate) const API_VERSION: &str = "town.robin.msc3846";

/// The event that the widgets of this suite send and read.
pub(crate) const EVENT_TYPE: &str = "org.example.e2e";

/// Two ends on one machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// A widget that is loaded in a client's page.
pub(crate) struct Widget {
    id: String,
    page: Page,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct ConnectionState {
    connection: String,
    channel: String,
}

impl Widget {
    /// Opens a page with a widget that has this id.
    pub(crate) async fn open(browser: &Browser, host: &Host, id: &str) -> anyhow::Result<Self> {
        Ok(Self { id: id.to_owned(), page: browser.open(id, &host.page(id)).await? })
    }

    /// Opens a page, and asks the client for TURN servers, and for events of the room.
    pub(crate) async fn start(browser: &Browser, host: &Host, id: &str) -> anyhow::Result<Self> {
        let widget = Self::open(browser, host, id).await?;
        widget.negotiate().await?;
        Ok(widget)
    }

    pub(crate) async fn negotiate(&self) -> anyhow::Result<()> {
        let capabilities = [
            TURN_SERVERS.to_owned(),
            format!("org.matrix.msc2762.send.event:{EVENT_TYPE}"),
            format!("org.matrix.msc2762.receive.event:{EVENT_TYPE}"),
        ];
        self.call("negotiate", &[json!(capabilities)]).await
    }

    /// Watches the TURN servers from now on. Returns the first credentials.
    pub(crate) async fn watch(&self) -> anyhow::Result<TurnServers> {
        self.call("watch", &[]).await
    }

    /// The newest credentials.
    pub(crate) async fn held(&self) -> anyhow::Result<TurnServers> {
        self.call("held", &[]).await
    }

    /// Other credentials than these, as soon as the widget holds some.
    pub(crate) async fn held_other_than(
        &self,
        old: &TurnServers,
        within: Duration,
    ) -> anyhow::Result<TurnServers> {
        until("the widget is given other credentials", within, async || {
            Ok(Some(self.held().await?).filter(|held| held != old))
        })
        .await
    }

    /// Sends an event into the room, and reads it there.
    pub(crate) async fn send_and_read_event(&self, body: &str) -> anyhow::Result<()> {
        let event_type = json!(EVENT_TYPE);
        let content = json!({ "body": body });
        let _: Value = self.call("api.sendRoomEvent", &[event_type.clone(), content]).await?;
        let events: Vec<Value> = self.call("api.readRoomEvents", &[event_type, json!(10)]).await?;
        ensure!(
            events.iter().any(|event| event["content"]["body"] == body),
            "the event that the widget sent is none of the {} that it read",
            events.len()
        );
        Ok(())
    }

    /// Connects two widgets by WebRTC, each through the TURN servers it holds. The descriptions are
    /// carried over here.
    pub(crate) async fn connect(&self, other: &Self) -> anyhow::Result<()> {
        let offer: Value = self.call("offer", &[]).await?;
        ensure_all_candidates_are_relays(&self.id, &offer)?;
        let answer: Value = other.call("answer", &[offer]).await?;
        ensure_all_candidates_are_relays(&other.id, &answer)?;
        let () = self.call("accept", &[answer]).await?;
        for end in [self, other] {
            until("the data channel opens", CONNECT_TIMEOUT, async || {
                let state: ConnectionState = end.call("state", &[]).await?;
                if state.connection == "failed" {
                    let pairs: Value = end.call("candidatePairs", &[]).await?;
                    bail!("{}'s connection failed, with {pairs}", end.id);
                }
                Ok((state.channel == "open").then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Fails unless the browser gathers relays with these `iceServers`, and nothing else.
    pub(crate) async fn ensure_relays_with(&self, ice_servers: Value) -> anyhow::Result<()> {
        let description: Value = self.call("gather", &[ice_servers]).await?;
        ensure_all_candidates_are_relays(&self.id, &description)
    }

    /// Sends a text over the data channel, and waits until the other end has it.
    pub(crate) async fn send_to(&self, other: &Self, text: &str) -> anyhow::Result<()> {
        let () = self.call("send", &[json!(text)]).await?;
        until("the other end receives what was sent", CONNECT_TIMEOUT, async || {
            let received: Vec<String> = other.call("received", &[]).await?;
            Ok(received.iter().any(|received| received == text).then_some(()))
        })
        .await
    }

    /// What `widget.js` calls a function, or one of matrix-widget-api's as `api.…`.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        function: impl Display,
        arguments: &[Value],
    ) -> anyhow::Result<T> {
        let arguments: Vec<_> = arguments.iter().map(Value::to_string).collect();
        self.page.widget(&format!("widget.{function}({})", arguments.join(", "))).await
    }

    /// What `watch` is rejected with.
    pub(crate) async fn rejection_of_watch(&self) -> anyhow::Result<String> {
        self.page
            .widget::<Option<String>>("widget.watch().then(() => null, ({ message }) => message)")
            .await?
            .with_context(|| format!("{} watches TURN servers, and should not", self.id))
    }

    pub(crate) fn page(&self) -> &Page {
        &self.page
    }
}
