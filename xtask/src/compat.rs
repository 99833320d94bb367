//! The library and its tests against the newest matrix-sdk that is supported.
//!
//! The workspace's own lock file holds the oldest. This one, `compat.lock`, holds the newest, in a
//! copy of the sources. To renew it: delete it, and run the task.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{cargo, run as run_command, workspace};

/// The newest release of matrix-sdk within the range that the library supports.
const NEWEST: &str = "0.19.1";

/// What is copied: the library, and the tests of it.
const MEMBERS: [&str; 2] = ["crates/matrix-sdk-turn", "tests"];

pub(crate) fn run() -> Result<()> {
    let workspace = workspace();
    let copy = &workspace.join("target/compat");
    let lock = workspace.join("xtask/compat.lock");
    for member in MEMBERS {
        copy_dir(&workspace.join(member), &copy.join(member))?;
    }
    fs::write(
        copy.join("Cargo.toml"),
        manifest(&fs::read_to_string(workspace.join("Cargo.toml"))?),
    )?;

    // What this version of Rust declares to support is not what it can build.
    let in_copy = |arguments: &[&str]| {
        let mut cargo = cargo();
        cargo.current_dir(copy).env("CARGO_TARGET_DIR", copy.join("target"));
        cargo.args(arguments).arg("--ignore-rust-version");
        run_command(&mut cargo)
    };
    if lock.exists() {
        fs::copy(&lock, copy.join("Cargo.lock"))?;
    } else {
        in_copy(&["update", "--package", "matrix-sdk", "--precise", NEWEST])?;
        fs::copy(copy.join("Cargo.lock"), &lock)?;
    }
    in_copy(&["build", "--locked", "--package", "matrix-sdk-turn"])?;
    in_copy(&["test", "--locked", "--workspace"])
}

/// The workspace's manifest, with the members that were copied, and with the TLS that matrix-sdk
/// leaves to its user from 0.19 on.
fn manifest(original: &str) -> String {
    let members = format!("members = {MEMBERS:?}");
    original
        .replace("[\"experimental-widgets\"]", "[\"experimental-widgets\", \"rustls-aws-lc-rs\"]")
        .lines()
        .filter(|line| !line.starts_with("default-members"))
        .map(|line| if line.starts_with("members") { members.as_str() } else { line })
        .fold(String::new(), |manifest, line| manifest + line + "\n")
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
