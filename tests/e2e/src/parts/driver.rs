//! A program that is told what to do: a JSON command a line on its stdin, a JSON answer a line on its
//! stdout. It ends when its stdin closes.

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

/// For anything that a program is told to do.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// More than a program's own patience with what it drives.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// The program. It ends when this is dropped, and when the suite is killed.
pub(crate) struct Driver {
    program: Child,
    commands: Arc<Commands>,
    reader: JoinHandle<()>,
}

/// The way to tell the program what to do.
pub(crate) struct Commands {
    name: &'static str,
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

impl Driver {
    /// Starts a program, with a file for what it writes to stderr.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut program = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            // Ctrl-C is for the suite.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} did not start"))?;
        let stdin = program.stdin.take().with_context(|| format!("{name} has no stdin"))?;
        let stdout = program.stdout.take().with_context(|| format!("{name} has no stdout"))?;
        let commands = Arc::new(Commands {
            name,
            stdin: tokio::sync::Mutex::new(Some(stdin)),
            waiting: Mutex::default(),
        });
        let reader = tokio::spawn(hand_out_answers(stdout, commands.clone()));
        Ok(Self { program, commands, reader })
    }

    pub(crate) fn commands(&self) -> &Arc<Commands> {
        &self.commands
    }

    /// Has the program execute a command, and returns its answer.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        command: &str,
        parameters: Value,
    ) -> anyhow::Result<T> {
        self.commands.send(command, parameters).await
    }

    /// Tells the program to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.commands.stdin.lock().await.take();
        if let Ok(status) = timeout(STOP_TIMEOUT, self.program.wait()).await {
            status?;
            return Ok(());
        }
        self.program.kill().await?;
        bail!("{} did not stop within {STOP_TIMEOUT:?}, and was killed", self.commands.name)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Commands {
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        command: &str,
        parameters: Value,
    ) -> anyhow::Result<T> {
        let gone = || format!("{} is gone: its log says why", self.name);
        let (answer, id) = self.expect_answer();
        let mut line =
            Map::from_iter([("id".to_owned(), json!(id)), ("command".to_owned(), json!(command))]);
        line.extend(parameters.as_object().cloned().unwrap_or_default());
        let line = Value::Object(line).to_string() + "\n";
        {
            let mut stdin = self.stdin.lock().await;
            let stdin = stdin.as_mut().with_context(|| format!("{} was stopped", self.name))?;
            stdin.write_all(line.as_bytes()).await.with_context(gone)?;
        }

        let Answer { value, error, .. } = timeout(ANSWER_TIMEOUT, answer)
            .await
            .with_context(|| format!("{} did not {command} within {ANSWER_TIMEOUT:?}", self.name))?
            .with_context(gone)?;
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
