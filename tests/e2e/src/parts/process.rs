//! A program that ends when we do.

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use crate::environment::Environment;

const WARDEN: &str = include_str!("warden.py");

/// More than the warden's own patience.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs under a warden that watches its stdin: the program is stopped when this is dropped, and when
/// the suite is killed.
pub(crate) struct Process {
    name: &'static str,
    warden: Child,
    stdin: ChildStdin,
    log: PathBuf,
}

impl Process {
    /// Starts a program that writes to a log file.
    pub(crate) fn start(
        environment: &Environment,
        name: &'static str,
        command: &[&OsStr],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("{} cannot be written", log.display()))?;
        let mut warden = Command::new(&environment.python)
            .args(["-c", WARDEN])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C is for the suite.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} did not start", environment.python.display()))?;
        let stdin = warden.stdin.take().context("the warden has no stdin")?;
        Ok(Self { name, warden, stdin, log: log.to_owned() })
    }

    /// Fails if the program ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.warden.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): see {}", self.name, self.log.display()),
        }
    }

    /// Stops the program, and waits until it is gone.
    pub(crate) async fn stop(self) -> anyhow::Result<ExitStatus> {
        let Self { name, mut warden, stdin, log } = self;
        drop(stdin);
        let status = timeout(STOP_TIMEOUT, warden.wait()).await.with_context(|| {
            format!("{name} did not stop within {STOP_TIMEOUT:?}: see {}", log.display())
        })??;
        Ok(status)
    }
}
