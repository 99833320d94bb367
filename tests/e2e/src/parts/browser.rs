//! Chromium, driven by playwright-core in a program of its own.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use futures::channel::oneshot;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::environment::Environment;

/// For anything that a page is told to do.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

const GONE: &str = "the browser is gone: its log says why";

/// More than the driver's own patience with Chromium.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// A Chromium of its own. It ends when the driver's stdin closes: when this is dropped, and when the
/// suite is killed.
pub(crate) struct Browser {
    driver: Child,
    commands: Arc<Commands>,
    reader: JoinHandle<()>,
}

/// A page of the client's with a widget in it.
pub(crate) struct Page {
    name: String,
    commands: Arc<Commands>,
}

struct Commands {
    stdin: tokio::sync::Mutex<Option<ChildStdin>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    last_id: u64,
    /// Who is to be told, by the id of the command.
    answers: Vec<(u64, oneshot::Sender<Answer>)>,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    value: Value,
    error: Option<String>,
}

impl Browser {
    pub(crate) fn start(environment: &Environment, log: &Path) -> anyhow::Result<Self> {
        let mut driver = Command::new(&environment.node)
            .arg(environment.web.join("browser.mjs"))
            .env("E2E_CHROMIUM", &environment.chromium)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            // Ctrl-C is for the suite.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} did not start", environment.node.display()))?;
        let stdin = driver.stdin.take().context("the browser's driver has no stdin")?;
        let stdout = driver.stdout.take().context("the browser's driver has no stdout")?;
        let commands = Arc::new(Commands {
            stdin: tokio::sync::Mutex::new(Some(stdin)),
            waiting: Mutex::default(),
        });
        let reader = tokio::spawn(hand_out_answers(stdout, commands.clone()));
        Ok(Self { driver, commands, reader })
    }

    pub(crate) async fn version(&self) -> anyhow::Result<String> {
        self.commands.send("version", json!({})).await
    }

    /// Opens a page in a context of its own, and waits for the widget in it.
    pub(crate) async fn open(&self, name: &str, url: &str) -> anyhow::Result<Page> {
        let () = self.commands.send("open", json!({ "page": name, "url": url })).await?;
        Ok(Page { name: name.to_owned(), commands: self.commands.clone() })
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.commands.stdin.lock().await.take();
        if let Ok(status) = timeout(STOP_TIMEOUT, self.driver.wait()).await {
            status?;
            return Ok(());
        }
        // Chromium ends once nobody holds the other end of its pipe.
        self.driver.kill().await?;
        bail!("the browser did not stop within {STOP_TIMEOUT:?}, and was killed")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.reader.abort();
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

impl Commands {
    async fn send<T: DeserializeOwned>(
        &self,
        command: &str,
        parameters: Value,
    ) -> anyhow::Result<T> {
        let (answer, id) = self.expect_answer();
        let mut line =
            Map::from_iter([("id".to_owned(), json!(id)), ("command".to_owned(), json!(command))]);
        line.extend(parameters.as_object().cloned().unwrap_or_default());
        let line = Value::Object(line).to_string() + "\n";
        {
            let mut stdin = self.stdin.lock().await;
            let stdin = stdin.as_mut().context("the browser was stopped")?;
            stdin.write_all(line.as_bytes()).await.context(GONE)?;
        }

        let Answer { value, error, .. } = timeout(ANSWER_TIMEOUT, answer)
            .await
            .with_context(|| format!("the browser did not {command} within {ANSWER_TIMEOUT:?}"))?
            .context(GONE)?;
        match error {
            None => Ok(T::deserialize(value)?),
            Some(error) => Err(anyhow!(error)),
        }
    }

    fn expect_answer(&self) -> (oneshot::Receiver<Answer>, u64) {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.last_id += 1;
        let id = waiting.last_id;
        waiting.answers.push((id, sender));
        (receiver, id)
    }

    fn on_answer(&self, answer: Answer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = waiting.answers.iter().position(|(id, _)| *id == answer.id) {
            let (_, sender) = waiting.answers.swap_remove(index);
            // Whoever asked may not wait any more.
            let _ = sender.send(answer);
        }
    }
}

async fn hand_out_answers(stdout: ChildStdout, commands: Arc<Commands>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(answer) = serde_json::from_str(&line) {
            commands.on_answer(answer);
        }
    }
    // Nobody is going to be answered.
    commands.waiting.lock().unwrap_or_else(PoisonError::into_inner).answers.clear();
}

/// As much of an expression as shows which one it is: it may hold a connection's whole description.
fn shortened(expression: &str) -> &str {
    expression.split_once('(').map_or(expression, |(function, _)| function)
}
