//! The widget's side of the widget API, in this process. It exchanges over the driver's handle the JSON
//! that a page would exchange by `postMessage`.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Context, anyhow, bail, ensure};
use matrix_sdk_turn::{TurnServer, TurnWidgetDriverHandle};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::report::{Report, Speaker};

pub(crate) const WIDGET_ID: &str = "turn-demo";

const TURN_SERVERS: &str = "town.robin.msc3846.turn_servers";
const API_VERSION: &str = "town.robin.msc3846";

/// How long matrix-widget-api lets a widget wait for an answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A widget that is loaded in a client.
pub(crate) struct Widget {
    handle: TurnWidgetDriverHandle,
    report: Report,
    requests: u32,
    watches: bool,
    /// The capabilities that the client approved, once it has told.
    approved: Option<Vec<String>>,
    updates: VecDeque<TurnServers>,
}

/// What `update_turn_servers` carries, by MSC3846.
#[derive(Deserialize)]
pub(crate) struct TurnServers {
    pub(crate) uris: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: String,
}

impl TurnServers {
    pub(crate) fn to_server(&self) -> TurnServer {
        TurnServer::new(self.uris.clone(), &*self.username, &*self.password)
    }
}

impl Widget {
    pub(crate) fn new(handle: TurnWidgetDriverHandle, report: &Report) -> Self {
        Self {
            handle,
            report: report.clone(),
            requests: 0,
            watches: false,
            approved: None,
            updates: VecDeque::new(),
        }
    }

    /// Tells that it has loaded, and asks for the TURN servers' capability.
    pub(crate) async fn negotiate(&mut self) -> anyhow::Result<()> {
        self.request("content_loaded").await?;
        let approved = timeout(RESPONSE_TIMEOUT, self.approved())
            .await
            .context("the client did not decide on the widget's capabilities in time")??;
        ensure!(
            approved.iter().any(|capability| capability == TURN_SERVERS),
            "the client does not grant the widget TURN servers"
        );

        let response = self.request("supported_api_versions").await?;
        let versions = response["supported_versions"].as_array().into_iter().flatten();
        ensure!(
            versions.into_iter().any(|version| version == API_VERSION),
            "the client does not support {API_VERSION}"
        );
        Ok(())
    }

    pub(crate) async fn watch(&mut self) -> anyhow::Result<()> {
        self.request("watch_turn_servers").await?;
        self.watches = true;
        Ok(())
    }

    /// Stops watching, if it watches.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        if self.watches {
            self.request("unwatch_turn_servers").await?;
        }
        Ok(())
    }

    /// The next update. No update is lost if the future is dropped.
    pub(crate) async fn next_update(&mut self) -> anyhow::Result<TurnServers> {
        loop {
            if let Some(update) = self.updates.pop_front() {
                return Ok(update);
            }
            let message = self.receive().await?;
            self.on_message(message).await?;
        }
    }

    async fn approved(&mut self) -> anyhow::Result<Vec<String>> {
        loop {
            if let Some(approved) = &self.approved {
                return Ok(approved.clone());
            }
            let message = self.receive().await?;
            self.on_message(message).await?;
        }
    }

    /// Sends a request without data, and returns the answer.
    async fn request(&mut self, action: &str) -> anyhow::Result<Value> {
        self.requests += 1;
        let id = format!("demo-{}", self.requests);
        self.report.line(Speaker::Widget, format_args!("→ {action}"));
        self.send(json!({
            "api": "fromWidget",
            "widgetId": WIDGET_ID,
            "requestId": id,
            "action": action,
            "data": {},
        }))
        .await?;

        let response = timeout(RESPONSE_TIMEOUT, self.response(&id))
            .await
            .with_context(|| format!("the client did not answer {action} in time"))??;
        match response.pointer("/error/message").and_then(Value::as_str) {
            None => {
                self.report.line(Speaker::Widget, format_args!("← answer to {action}"));
                Ok(response)
            }
            Some(message) => {
                self.report.line(Speaker::Widget, format_args!("← error to {action}"));
                bail!("{action} is answered with an error: {message}")
            }
        }
    }

    async fn response(&mut self, request_id: &str) -> anyhow::Result<Value> {
        loop {
            let mut message = self.receive().await?;
            if message["api"] == "fromWidget" && message["requestId"] == request_id {
                return Ok(message["response"].take());
            }
            self.on_message(message).await?;
        }
    }

    /// Answers a request of the client's.
    async fn on_message(&mut self, mut message: Value) -> anyhow::Result<()> {
        if message["api"] != "toWidget" {
            return Ok(());
        }
        let action = message["action"].as_str().unwrap_or_default().to_owned();
        self.report.line(Speaker::Widget, format_args!("← {action}"));

        let data = &message["data"];
        let response = match action.as_str() {
            "capabilities" => json!({ "capabilities": [TURN_SERVERS] }),
            "notify_capabilities" => {
                self.approved = Some(Vec::deserialize(&data["approved"])?);
                json!({})
            }
            "update_turn_servers" => {
                self.updates.push_back(
                    TurnServers::deserialize(data)
                        // The cause may quote a credential.
                        .map_err(|_| {
                            anyhow!("an update_turn_servers does not have the shape of one")
                        })?,
                );
                json!({})
            }
            _ => json!({}),
        };
        message["response"] = response;
        self.send(message).await
    }

    async fn receive(&self) -> anyhow::Result<Value> {
        let message = self.handle.recv().await.context("the client closed the widget")?;
        Ok(serde_json::from_str(&message)?)
    }

    async fn send(&self, message: Value) -> anyhow::Result<()> {
        ensure!(self.handle.send(message.to_string()).await, "the client closed the widget");
        Ok(())
    }
}
