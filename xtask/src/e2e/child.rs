//! Commands that end with this process, and commands of which only the success matters.

use std::{
    ffi::OsStr,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, ensure};

use super::{cache, program::PYTHON};

/// Ends a command when its own stdin closes, which it does when this process is killed.
const WARDEN: &str = include_str!("../../../tests/e2e/src/parts/warden.py");

/// Runs a command that ends when this process is killed. Not for apt-get, which must not be interrupted.
pub(super) fn run_watched(directory: &Path, command: &[&OsStr]) -> Result<()> {
    let mut warden = Command::new(PYTHON.find()?);
    warden.args(["-c", WARDEN]).args(command).current_dir(directory);
    warden.env("PIP_CACHE_DIR", cache().join("pip"));
    warden.env("npm_config_cache", cache().join("npm"));
    println!("$ {}", command.join(OsStr::new(" ")).display());
    // Ctrl-C ends this process, and so closes the stdin of the warden, which is in a group of its own.
    let mut warden = warden.stdin(Stdio::piped()).process_group(0).spawn()?;
    let stdin = warden.stdin.take();
    let status = warden.wait()?;
    drop(stdin);
    ensure!(status.success(), "{} failed: {status}", command.join(OsStr::new(" ")).display());
    Ok(())
}

pub(super) fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
