//! Installs Debian's packages.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use anyhow::{Context, Result, ensure};

use super::{
    child::succeeds,
    gstreamer,
    program::{
        CHROMIUM, FAKETIME, FIREFOX, IP, LEAST_NODE, NFT, NODE, NPM, PYTHON, TURNSERVER, find_node,
    },
    synapse::Synapse,
};
use crate::run as run_command;

/// Installs the programs that are missing.
pub(super) fn install(synapse: &Synapse) -> Result<()> {
    let packages = missing_packages(synapse);
    if packages.is_empty() {
        return Ok(());
    }
    // If Node.js is too old, say so before anything is installed.
    if !NODE.is_missing() {
        find_node()?;
    }

    renew_lists();
    if packages.contains(&NODE.package) {
        ensure_node_is_available()?;
    }
    install_packages(&packages)?;
    if packages.contains(&TURNSERVER.package) {
        // Debian starts it at once, and whenever the machine starts. The suite starts its own.
        run_command(as_root("service").args(["coturn", "stop"]))?;
        run_command(as_root("update-rc.d").args(["coturn", "disable"]))?;
    }
    Ok(())
}

/// The package lists that are there may do, if it fails.
pub(crate) fn renew_lists() {
    if let Err(error) = run_command(as_root("apt-get").arg("update")) {
        println!("the package lists are not renewed: {error:#}");
    }
}

pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    let mut install = as_root("apt-get");
    install.args(["install", "--yes", "--no-install-recommends", "--option=Acquire::Retries=5"]);
    install.args(packages);
    run_command(&mut install).with_context(|| {
        format!("install these yourself, and run this again: {}", packages.join(", "))
    })
}

fn missing_packages(synapse: &Synapse) -> Vec<&'static str> {
    let programs = [TURNSERVER, CHROMIUM, FIREFOX, NODE, NPM, PYTHON, IP, NFT, FAKETIME];
    let mut packages: Vec<_> =
        programs.iter().filter(|program| program.is_missing()).map(|p| p.package).collect();
    if !synapse.is_usable() && !has_venv() {
        packages.push("python3-venv");
    }
    if !gstreamer::is_usable() {
        packages.extend(gstreamer::PACKAGES);
    }
    packages
}

/// Whether Python can make virtual environments. Debian has that in a package of its own.
fn has_venv() -> bool {
    PYTHON.find().is_ok_and(|python| succeeds(&python, &["-c", "import ensurepip"]))
}

/// Fails if the Node.js that would be installed is too old, as Debian 12's is.
fn ensure_node_is_available() -> Result<()> {
    let mut policy = Command::new("apt-cache");
    policy.args(["policy", NODE.package]).env("LC_ALL", "C");
    // Without apt-cache there is no candidate either.
    let policy = policy.output().map(|output| output.stdout).unwrap_or_default();
    let policy = String::from_utf8_lossy(&policy);
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    let major = candidate.and_then(|version| version.split('.').next()?.parse().ok());
    ensure!(
        major.is_some_and(|major: u32| major >= LEAST_NODE),
        "Node.js {LEAST_NODE} or newer is missing, and this system's own is {}: install it with npm \
         from https://nodejs.org/en/download, or name them in {} and {}",
        candidate.unwrap_or("unknown"),
        NODE.variable,
        NPM.variable
    );
    Ok(())
}

fn as_root(program: &str) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    // apt-get asks no questions then: there may be nobody to answer.
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    command
}
