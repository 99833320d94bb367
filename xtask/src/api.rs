//! The library's public API, as text in a committed file: who changes it sees the change, and so does
//! who reviews it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{cargo, run as run_command, workspace};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Accept the API as it is now.
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let file = workspace().join("crates/matrix-sdk-turn/api.txt");
    let api = read_api(&rustdoc_json()?)?;
    if arguments.write {
        fs::write(&file, api)?;
        println!("written to {}", file.display());
        return Ok(());
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let differences = differences(&committed, &api);
    ensure!(
        differences.is_empty(),
        "the public API is not that of {}:\n{}\nIf that is meant: cargo xtask api --write, and a line \
         in CHANGELOG.md",
        file.display(),
        differences.join("\n")
    );
    println!("the public API is that of {}: {} items", file.display(), api.lines().count());
    Ok(())
}

fn rustdoc_json() -> Result<PathBuf> {
    let mut doc = cargo();
    doc.env("RUSTDOC", workspace().join("xtask/rustdoc.sh"));
    doc.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    // With the features that everything else is checked with, so that no dependency is checked again.
    run_command(doc.args(["doc", "--locked", "--workspace", "--lib", "--no-deps"]))?;
    Ok(workspace().join("target/doc/matrix_sdk_turn.json"))
}

/// One item a line, sorted. What every type has, such as `impl<T> Any for T`, is left out, and what the
/// compiler finds out by itself, such as `impl Send`.
fn read_api(json: &Path) -> Result<String> {
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .with_context(|| {
            format!(
                "{} is not as the crate public-api in xtask/Cargo.toml reads it. Each of its versions \
                 is for a few versions of Rust",
                json.display()
            )
        })?;
    Ok(api.to_string())
}

/// Lines that are gone or new. Those of an item that has changed are next to each other.
fn differences(committed: &str, now: &str) -> Vec<String> {
    let committed: BTreeSet<_> = committed.lines().collect();
    let now: BTreeSet<_> = now.lines().collect();
    committed
        .symmetric_difference(&now)
        .map(|line| format!("{} {line}", if now.contains(line) { '+' } else { '-' }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_shown_by_line() {
        let committed = "pub fn a()\npub fn b()\npub fn c(u8)\n";
        let now = "pub fn a()\npub fn c(u16)\npub fn d()\n";
        assert_eq!(
            differences(committed, now),
            ["- pub fn b()", "+ pub fn c(u16)", "- pub fn c(u8)", "+ pub fn d()"]
        );
        assert!(differences(now, now).is_empty());
    }
}
