//! The end-to-end suite and the real parts that it needs: programs from Debian, Synapse and aiortc from
//! PyPI, and what browsers and Node.js run from npm. What is not Debian's goes below `target/e2e`, caches included. Only
//! temporary files do not: there are sockets among Chromium's, and their paths have to be short.

mod child;
pub(crate) mod debian;
mod gstreamer;
mod installed;
mod program;
mod synapse;
mod web;

use std::{ffi::OsString, os::unix::process::CommandExt, path::PathBuf, process::Command};

use anyhow::{Context, Result};
use clap::Args;

use self::{
    program::{CHROMIUM, FIREFOX, NODE, TURNSERVER},
    synapse::Synapse,
    web::Web,
};
use crate::{built_by, cargo, workspace};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Install nothing, and say what is missing.
    #[arg(long)]
    no_install: bool,
    /// For the suite: a part of the names of scenarios, `--list`, `--help`.
    #[arg(last = true)]
    suite: Vec<OsString>,
}

pub(crate) fn run(Arguments { no_install, suite }: Arguments) -> Result<()> {
    let synapse = Synapse::new()?;
    let web = Web::new()?;
    if !no_install {
        debian::install(&synapse)?;
        synapse.install()?;
        web.install()?;
    }
    synapse.ensure_usable()?;
    web.bundle()?;

    let mut suite_run = Command::new(build_suite()?);
    suite_run.current_dir(workspace()).args(suite);
    suite_run.env("E2E_PYTHON", synapse.python());
    suite_run.env("E2E_TURNSERVER", TURNSERVER.find()?);
    suite_run.env("E2E_CHROMIUM", CHROMIUM.find()?);
    suite_run.env("E2E_FIREFOX", FIREFOX.find()?);
    suite_run.env("E2E_GSTREAMER_PYTHON", gstreamer::python()?);
    suite_run.env("E2E_NODE", NODE.find()?);
    suite_run.env("E2E_WEB", web.directory());
    suite_run.env("E2E_LOGS", target().join("logs"));
    // Chromium writes to these besides its profile, which is temporary.
    suite_run.env("XDG_CACHE_HOME", cache());
    suite_run.env("XDG_CONFIG_HOME", target().join("config"));
    // The suite takes the place of this process, so that it gets the signals that are sent to it.
    Err(suite_run.exec()).context("the suite did not start")
}

fn sources() -> PathBuf {
    workspace().join("tests/e2e")
}

fn target() -> PathBuf {
    workspace().join("target/e2e")
}

fn cache() -> PathBuf {
    target().join("cache")
}

/// Builds the suite with the rest of the workspace. Built alone it would need matrix-sdk with other
/// features than `cargo test --workspace` does, and so matrix-sdk would be built twice.
fn build_suite() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--workspace", "--all-targets"]);
    // The executable with its unit tests has a hash in its name.
    built_by(&mut build, |executable| executable.ends_with("e2e"))
}
