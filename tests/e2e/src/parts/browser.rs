//! Chromium and Firefox, driven by puppeteer-core in a program of its own.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Command;

use super::driver::{Commands, Driver};
use crate::environment::Environment;

/// A browser of its own.
pub(crate) struct Browser(Driver);

/// A page of the client's with a widget in it.
pub(crate) struct Page {
    name: String,
    commands: Arc<Commands>,
}

impl Browser {
    pub(crate) fn start_chromium(environment: &Environment, log: &Path) -> anyhow::Result<Self> {
        Self::start(environment, "chrome", &environment.chromium, log)
    }

    pub(crate) fn start_firefox(environment: &Environment, log: &Path) -> anyhow::Result<Self> {
        Self::start(environment, "firefox", &environment.firefox, log)
    }

    /// `kind` is puppeteer-core's name for the browser.
    fn start(
        environment: &Environment,
        kind: &str,
        program: &Path,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut node = Command::new(&environment.node);
        node.arg(environment.web.join("browser.mjs")).arg(kind).arg(program);
        Ok(Self(Driver::start("the browser", &mut node, log)?))
    }

    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        self.0.send("version", json!({})).await
    }

    /// Opens a page in a context of its own, and waits for the widget in it.
    pub(crate) async fn open(&self, name: &str, url: &str) -> anyhow::Result<Page> {
        let () = self.0.send("open", json!({ "page": name, "url": url })).await?;
        Ok(Page { name: name.to_owned(), commands: self.0.commands().clone() })
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.0.stop().await
    }
}

impl Page {
    /// What an expression in the widget comes to, once it is settled.
    pub(crate) async fn widget<T: DeserializeOwned>(&self, expression: &str) -> anyhow::Result<T> {
        self.command("evaluate", json!({ "expression": expression }))
            .await
            .with_context(|| format!("{}: {}", self.name, shortened(expression)))
    }

    /// Loads the page again, and with it the widget.
    pub(crate) async fn reload(&self) -> anyhow::Result<()> {
        self.command("reload", json!({})).await
    }

    /// Loads only the widget again.
    pub(crate) async fn reload_widget(&self) -> anyhow::Result<()> {
        self.command("reloadWidget", json!({})).await
    }

    async fn command<T: DeserializeOwned>(
        &self,
        command: &str,
        mut parameters: Value,
    ) -> anyhow::Result<T> {
        parameters["page"] = json!(self.name);
        self.commands.send(command, parameters).await
    }
}

/// As much of an expression as shows which one it is: it may hold a connection's whole description.
fn shortened(expression: &str) -> &str {
    expression.split_once('(').map_or(expression, |(function, _)| function)
}
