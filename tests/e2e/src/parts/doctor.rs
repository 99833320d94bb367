//! turn-doctor, as an administrator runs it.

use std::{env, ffi::OsString, path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use tokio::{process::Command, time::timeout};

/// Each step has five seconds, and few fail.
const VISIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A terminal that everybody has.
const COLUMNS: usize = 80;

/// What it said.
pub(crate) struct Visit {
    pub(crate) status: i32,
    pub(crate) text: String,
}

impl Visit {
    /// Runs it with `prefix` before the command, and a password or an access token in its environment.
    pub(crate) async fn pay(
        prefix: &[OsString],
        arguments: &[&str],
        secret: &str,
    ) -> anyhow::Result<Self> {
        let doctor = program()?.into_os_string();
        let mut words = prefix.iter().cloned().chain([doctor]);
        let first = words.next().context("there is a command")?;
        let mut command = Command::new(first);
        command.args(words).args(arguments).env("TURN_DOCTOR_PASSWORD", secret);
        command.env("TURN_DOCTOR_ACCESS_TOKEN", secret);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(VISIT_TIMEOUT, command.output())
            .await
            .with_context(|| format!("turn-doctor did not end within {VISIT_TIMEOUT:?}"))??;
        let said = String::from_utf8(output.stderr)?;
        let status = output.status.code().context("turn-doctor was ended by a signal")?;
        let text = String::from_utf8(output.stdout)?;
        ensure!(!text.is_empty(), "turn-doctor ended with {status}: {said}");
        Ok(Self { status, text })
    }

    /// Fails unless it ended so and said this, lines and colours aside; and fails if a line is too long
    /// for a terminal.
    pub(crate) fn ensure(&self, status: i32, sentences: &[&str]) -> anyhow::Result<()> {
        ensure!(self.status == status, "it ended with {}: {}", self.status, self.text);
        self.ensure_says(sentences)
    }

    /// The same, for a set-up with a problem: something relays, or nothing does.
    pub(crate) fn ensure_problem(&self, sentences: &[&str]) -> anyhow::Result<()> {
        ensure!(matches!(self.status, 1 | 2), "it ended with {}: {}", self.status, self.text);
        self.ensure_says(sentences)
    }

    fn ensure_says(&self, sentences: &[&str]) -> anyhow::Result<()> {
        let text = &self.text;
        let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in sentences {
            ensure!(said.contains(sentence), "it does not say {sentence:?}: {text}");
        }
        let long = text.lines().find(|line| line.chars().count() > COLUMNS);
        ensure!(long.is_none(), "a line is too long: {long:?}");
        Ok(())
    }
}

/// It is built with the suite.
fn program() -> anyhow::Result<PathBuf> {
    let suite = env::current_exe()?;
    let program = suite.parent().context("the suite is in a directory")?.join("turn-doctor");
    ensure!(program.is_file(), "{} is missing: cargo build --workspace", program.display());
    Ok(program)
}
