//! A coturn with whatever settings, right or wrong.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::Path,
    time::Duration,
};

use super::process::Process;
use crate::{environment::Environment, wait::until};

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// What it logs once all its listeners are open.
const STARTED: &str = "Total General servers";

/// What all of them have. Of a setting that is given twice, coturn takes both or the last.
const COMMON: [&str; 7] = [
    "realm=localhost",
    "use-auth-secret",
    "no-cli",
    "no-dtls",
    "verbose",
    "simple-log",
    "log-file=stdout",
];

/// A coturn, which the caller has to stop.
pub(crate) struct AnyCoturn(Process);

impl AnyCoturn {
    /// Starts one with a directory of its own, and `prefix` before its command.
    pub(crate) async fn start(
        environment: &Environment,
        directory: &Path,
        prefix: &[OsString],
        settings: &[String],
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        let in_directory = |file: &str| directory.join(file).display().to_string();
        let mut lines: Vec<String> = COMMON.map(str::to_owned).to_vec();
        lines.extend(settings.iter().cloned());
        lines.push(format!("pidfile={}", in_directory("turnserver.pid")));
        lines.push(format!("userdb={}\n", in_directory("turndb")));
        let configuration = directory.join("turnserver.conf");
        fs::write(&configuration, lines.join("\n"))?;

        let log = directory.join("coturn.log");
        let mut command: Vec<&OsStr> = prefix.iter().map(AsRef::as_ref).collect();
        let program: &OsStr = environment.turnserver.as_ref();
        command.extend([program, "-c".as_ref(), configuration.as_ref()]);
        let mut process = Process::start(environment, "coturn", &command, &log)?;
        until("coturn listens", START_TIMEOUT, async || {
            process.check()?;
            let has_started = fs::read_to_string(&log)?.contains(STARTED);
            Ok(has_started.then_some(()))
        })
        .await?;
        Ok(Self(process))
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.0.stop().await?;
        Ok(())
    }
}
