//! Where the real parts are: `cargo xtask e2e` finds them, and says so in environment variables.

use std::{env, path::PathBuf};

use anyhow::Context;

/// The programs and directories that the suite uses.
#[derive(Clone)]
pub(crate) struct Environment {
    /// The Python that Synapse is installed for.
    pub(crate) python: PathBuf,
    /// coturn's program.
    pub(crate) turnserver: PathBuf,
    pub(crate) chromium: PathBuf,
    pub(crate) firefox: PathBuf,
    /// The Python that GStreamer is installed for.
    pub(crate) gstreamer_python: PathBuf,
    pub(crate) node: PathBuf,
    /// The page and the widget, bundled, and the browser's driver beside its dependencies.
    pub(crate) web: PathBuf,
    /// Each scenario leaves its logs and data here.
    pub(crate) logs: PathBuf,
}

impl Environment {
    pub(crate) fn read() -> anyhow::Result<Self> {
        Ok(Self {
            python: path("E2E_PYTHON")?,
            turnserver: path("E2E_TURNSERVER")?,
            chromium: path("E2E_CHROMIUM")?,
            firefox: path("E2E_FIREFOX")?,
            gstreamer_python: path("E2E_GSTREAMER_PYTHON")?,
            node: path("E2E_NODE")?,
            web: path("E2E_WEB")?,
            logs: path("E2E_LOGS")?,
        })
    }
}

fn path(variable: &str) -> anyhow::Result<PathBuf> {
    env::var_os(variable)
        .map(PathBuf::from)
        .with_context(|| format!("{variable} is not set: run the suite with `cargo xtask e2e`"))
}
