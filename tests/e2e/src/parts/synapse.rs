//! Synapse: a homeserver with SQLite.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use matrix_sdk::reqwest;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{port, process::Process};
use crate::{environment::Environment, wait::until};

/// It creates its database at its first start.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// The name of the homeserver.
const SERVER_NAME: &str = "localhost";

/// What it knows of TURN servers.
#[derive(Clone)]
pub(crate) struct Turn {
    pub(crate) uris: Vec<String>,
    pub(crate) secret: String,
    pub(crate) lifetime: Duration,
}

/// Synapse on loopback.
pub(crate) struct Synapse {
    environment: Environment,
    directory: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Synapse {
    /// Starts one with an empty database.
    pub(crate) async fn start(
        environment: &Environment,
        directory: &Path,
        turn: Option<&Turn>,
    ) -> anyhow::Result<Self> {
        let mut synapse = Self {
            environment: environment.clone(),
            directory: directory.join("synapse"),
            port: port::free()?,
            process: None,
        };
        fs::create_dir_all(&synapse.directory)?;
        synapse.configure(turn)?;
        synapse.start_again().await?;
        Ok(synapse)
    }

    /// The version that is installed.
    pub(crate) async fn version(environment: &Environment) -> anyhow::Result<String> {
        let output = Command::new(&environment.python)
            // `synapse.__version__` names the commit of whatever git repository it lies in.
            .args(["-c", "import importlib.metadata as m; print(m.version('matrix-synapse'))"])
            .output()
            .await?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often it answered a request for TURN credentials.
    pub(crate) fn turn_server_requests(&self) -> anyhow::Result<usize> {
        let log = fs::read_to_string(self.log_file()).context("Synapse's log cannot be read")?;
        Ok(log
            .lines()
            .filter(|line| line.contains("Processed request") && line.contains("/voip/turnServer"))
            .count())
    }

    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(process) = self.process.take() {
            process.stop().await?;
        }
        Ok(())
    }

    /// Starts it on the same port with the same database, and waits until it answers.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<()> {
        let configuration = self.configuration();
        let process = self.process.insert(Process::start(
            &self.environment,
            "Synapse",
            &[
                self.environment.python.as_ref(),
                "-m".as_ref(),
                "synapse.app.homeserver".as_ref(),
                "--config-path".as_ref(),
                configuration.as_ref(),
            ],
            // What it says before its logging is set up.
            &self.directory.join("output.log"),
        )?);

        let versions = format!("http://127.0.0.1:{}/_matrix/client/versions", self.port);
        until("Synapse answers", START_TIMEOUT, async || {
            process.check()?;
            Ok(reqwest::get(&versions).await.is_ok().then_some(()))
        })
        .await
    }

    /// The same server, with another secret for TURN credentials.
    pub(crate) async fn restart_with(&mut self, turn: &Turn) -> anyhow::Result<()> {
        self.stop().await?;
        self.configure(Some(turn))?;
        self.start_again().await
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("homeserver.yaml")
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("synapse.log")
    }

    fn configure(&self, turn: Option<&Turn>) -> anyhow::Result<()> {
        // All JSON is YAML.
        fs::write(self.configuration(), self.settings(turn).to_string())?;
        fs::write(self.directory.join("log.yaml"), self.logging().to_string())?;
        // Signs nothing that anybody else ever sees.
        let seed = "A".repeat(43);
        fs::write(self.directory.join("signing.key"), format!("ed25519 e2e {seed}\n"))?;
        Ok(())
    }

    fn settings(&self, turn: Option<&Turn>) -> Value {
        let in_directory = |file: &str| self.directory.join(file);
        let unlimited = json!({ "per_second": 1000, "burst_count": 1000 });
        let mut settings = json!({
            "server_name": SERVER_NAME,
            "listeners": [{
                "type": "http",
                "bind_addresses": ["127.0.0.1"],
                "port": self.port,
                "tls": false,
                "resources": [{ "names": ["client"] }],
            }],
            "database": {
                "name": "sqlite3",
                "args": { "database": in_directory("homeserver.db") },
            },
            "log_config": in_directory("log.yaml"),
            "media_store_path": in_directory("media"),
            "pid_file": in_directory("homeserver.pid"),
            "signing_key_path": in_directory("signing.key"),
            "macaroon_secret_key": "the same at every start, so that access tokens stay valid",
            "form_secret": "used by no form",
            "report_stats": false,
            "trusted_key_servers": [],
            "enable_registration": true,
            "enable_registration_without_verification": true,
            // It would take a good part of the processor's time.
            "bcrypt_rounds": 4,
            "rc_message": unlimited,
            "rc_registration": unlimited,
            "rc_login": {
                "address": unlimited,
                "account": unlimited,
                "failed_attempts": unlimited,
            },
        });
        if let Some(Turn { uris, secret, lifetime }) = turn {
            settings["turn_uris"] = json!(uris);
            settings["turn_shared_secret"] = json!(secret);
            settings["turn_user_lifetime"] = json!(format!("{}s", lifetime.as_secs()));
        }
        settings
    }

    fn logging(&self) -> Value {
        json!({
            "version": 1,
            "formatters": {
                "precise": { "format": "%(asctime)s %(levelname)s %(name)s %(message)s" },
            },
            "handlers": {
                "file": {
                    "class": "logging.FileHandler",
                    "formatter": "precise",
                    "filename": self.log_file(),
                },
            },
            "root": { "level": "INFO", "handlers": ["file"] },
            "disable_existing_loggers": false,
        })
    }
}
