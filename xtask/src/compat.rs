//! The library and its tests against another matrix-sdk: the newest release that is supported, or a
//! checkout of matrix-rust-sdk.
//!
//! The workspace's own lock file holds the oldest release. `compat.lock` holds the newest, for a copy
//! of the sources. To renew it, delete it and run the task.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{cargo, run as run_command, workspace};

/// The newest release of matrix-sdk within the range that the library supports.
const NEWEST: &str = "0.19.1";

/// The feature with which a user of matrix-sdk 0.19 or newer chooses a TLS provider. Older releases
/// choose one themselves.
const TLS: &str = "rustls-aws-lc-rs";

/// What is copied: the library, its rules, and its tests.
const MEMBERS: [&str; 3] = ["crates/matrix-sdk-turn", "crates/turn-rules", "tests"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// Use a checkout of matrix-rust-sdk instead of the newest release.
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

pub(crate) fn run(Arguments { sdk }: Arguments) -> Result<()> {
    let copy = workspace().join("target/compat");
    for member in MEMBERS {
        copy_dir(&workspace().join(member), &copy.join(member))?;
    }
    // The library's manifest names the one, and its doctests read both.
    fs::create_dir_all(copy.join("docs"))?;
    for paper in ["README.md", "docs/guide.md"] {
        fs::copy(workspace().join(paper), copy.join(paper))?;
    }
    match sdk {
        None => against_newest(&copy),
        Some(path) => against_checkout(&path, &copy),
    }
}

fn against_newest(copy: &Path) -> Result<()> {
    write_manifest(copy, |dependency| {
        dependency.replace("default-features", &format!("features = [{TLS:?}], default-features"))
    })?;
    let lock = workspace().join("xtask/compat.lock");
    if lock.exists() {
        fs::copy(&lock, copy.join("Cargo.lock"))?;
    } else {
        let mut update = cargo_in(copy, "update");
        run_command(update.args(["--package", "matrix-sdk", "--precise", NEWEST]))?;
        fs::copy(copy.join("Cargo.lock"), &lock)?;
    }
    check_and_test(copy, &["--locked"])
}

fn against_checkout(checkout: &Path, copy: &Path) -> Result<()> {
    let no_checkout = || {
        format!(
            "{} is no checkout of matrix-rust-sdk: give the path of the repository, in which there \
             are crates/matrix-sdk/Cargo.toml and Cargo.lock",
            checkout.display()
        )
    };
    let sdk = checkout.join("crates/matrix-sdk");
    let sdk_manifest = fs::read_to_string(sdk.join("Cargo.toml")).with_context(no_checkout)?;
    // The versions that the checkout is developed with.
    fs::copy(checkout.join("Cargo.lock"), copy.join("Cargo.lock")).with_context(no_checkout)?;

    let has_tls = sdk_manifest.lines().any(|line| line.split(" = ").next() == Some(TLS));
    let features: &[&str] = if has_tls { &[TLS] } else { &[] };
    // Its manifests name the other crates of matrix-rust-sdk by path. Their versions do not matter.
    let dependency = format!(
        "{{ path = {:?}, default-features = false, features = {features:?} }}",
        sdk.canonicalize()?
    );
    write_manifest(copy, |_| dependency.clone())?;
    check_and_test(copy, &[])
}

fn check_and_test(copy: &Path, arguments: &[&str]) -> Result<()> {
    // The library alone, without the features that its tests turn on in their common dependencies.
    let mut check = cargo_in(copy, "check");
    run_command(check.args(["--package", "matrix-sdk-turn"]).args(arguments))?;
    let mut test = cargo_in(copy, "test");
    run_command(test.arg("--workspace").args(arguments))
}

fn cargo_in(copy: &Path, subcommand: &str) -> Command {
    let mut cargo = cargo();
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", copy.join("target"));
    // matrix-sdk 0.19.1 builds with an older Rust than the one that it declares, 1.96.
    cargo.args([subcommand, "--ignore-rust-version"]);
    cargo
}

/// Writes the workspace's manifest with the members that were copied, and another matrix-sdk.
fn write_manifest(copy: &Path, sdk: impl Fn(&str) -> String) -> Result<()> {
    let original = fs::read_to_string(workspace().join("Cargo.toml"))?;
    Ok(fs::write(copy.join("Cargo.toml"), manifest(&original, sdk)?)?)
}

fn manifest(original: &str, sdk: impl Fn(&str) -> String) -> Result<String> {
    let mut manifest = String::new();
    let mut replaced = 0;
    for line in original.lines() {
        let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
        match key {
            "members" => manifest += &format!("members = {MEMBERS:?}"),
            "default-members" => continue,
            "matrix-sdk" => {
                replaced += 1;
                manifest += &format!("matrix-sdk = {}", sdk(value));
            }
            _ => manifest += line,
        }
        manifest.push('\n');
    }
    ensure!(replaced == 1, "Cargo.toml has {replaced} lines that begin with matrix-sdk");
    Ok(manifest)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_its_own_members_and_another_sdk() {
        let original = "[workspace]\nmembers = [\"a\", \"b\"]\ndefault-members = [\"a\"]\n\
                        [workspace.dependencies]\nmatrix-sdk-turn = \"1\"\nmatrix-sdk = \"2\"\n";
        assert_eq!(
            manifest(original, |sdk| format!("{{ version = {sdk} }}")).unwrap(),
            "[workspace]\nmembers = [\"crates/matrix-sdk-turn\", \"crates/turn-rules\", \"tests\"]\n\
             [workspace.dependencies]\nmatrix-sdk-turn = \"1\"\nmatrix-sdk = { version = \"2\" }\n"
        );
    }

    #[test]
    fn a_manifest_without_the_sdk_is_refused() {
        assert!(manifest("[workspace]\n", str::to_owned).is_err());
    }

    #[test]
    fn a_directory_without_the_sdk_is_refused() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let error = against_checkout(directory, directory).unwrap_err();
        assert!(error.to_string().contains("is no checkout of matrix-rust-sdk"), "{error}");
    }
}
