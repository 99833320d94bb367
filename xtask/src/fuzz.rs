//! libFuzzer on stable Rust.
//!
//! What cargo-fuzz asks nightly Rust for is a sanitizer, which safe code can do without. The coverage
//! that guides libFuzzer takes stable flags only: `fuzz/rustc.sh` has them. cargo calls that script for
//! the workspace's own crates and keeps what comes of it apart; dependencies are those of the tests,
//! matrix-sdk among them, so a run after `cargo test --workspace` builds the library and the targets.

use std::{
    env,
    ffi::OsString,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{cargo, e2e::debian, run as run_command, workspace};

/// The longest input that is made up. What is longer in a corpus is cut; `cargo test` runs it whole.
const MAX_BYTES: u32 = 1024;

#[derive(Args)]
pub(crate) struct Arguments {
    /// For how long, all targets together; 0 for no limit.
    #[arg(long, default_value = "60")]
    seconds: u64,
    /// Only this one: a directory's name in fuzz/corpus.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// For libFuzzer: its flags (`-help=1` lists them), or a file to try once.
    #[arg(last = true)]
    libfuzzer: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut targets = targets()?;
    if let Some(wanted) = &arguments.target {
        targets.retain(|target| target == wanted);
        ensure!(!targets.is_empty(), "there is no target {wanted}: fuzz/corpus has them");
    }
    ensure_compiler()?;
    build(&targets)?;
    for target in &targets {
        let seconds = arguments.seconds.div_ceil(targets.len() as u64);
        run_command(&mut libfuzzer(target, seconds, &arguments.libfuzzer)?).with_context(|| {
            format!(
                "an input made {target} fail; libFuzzer says where it is. To try it again: \
                 cargo xtask fuzz --target {target} -- FILE"
            )
        })?;
    }
    Ok(())
}

/// libFuzzer is written in C++, and its crate compiles it.
fn ensure_compiler() -> Result<()> {
    let mut version = Command::new(env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    version.arg("--version").stdout(Stdio::null());
    if version.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    debian::renew_lists();
    debian::install_packages(&["g++"])
}

/// Each has a corpus.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace().join("fuzz/corpus"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn build(targets: &[String]) -> Result<()> {
    let mut build = cargo();
    build.env("RUSTC_WORKSPACE_WRAPPER", workspace().join("fuzz/rustc.sh"));
    // All of the workspace's features, so that no dependency is built once more.
    build.args(["build", "--locked", "--workspace", "--features=fuzz/libfuzzer"]);
    build.args(targets.iter().flat_map(|target| ["--example", target]));
    run_command(&mut build)
}

fn libfuzzer(target: &str, seconds: u64, further: &[OsString]) -> Result<Command> {
    let ours = workspace().join("fuzz");
    let found = workspace().join("target/fuzz").join(target);
    fs::create_dir_all(&found)?;
    let mut libfuzzer = Command::new(workspace().join("target/debug/examples").join(target));
    libfuzzer.args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_BYTES}")]);
    libfuzzer.arg("-print_final_stats=1");
    // Where an input is kept that made it fail.
    libfuzzer.arg(with_path("-artifact_prefix=", &found.join("failed-")));
    libfuzzer.arg(with_path("-dict=", &ours.join("dictionaries").join(format!("{target}.dict"))));
    libfuzzer.args(further);
    if !further.iter().any(|argument| Path::new(argument).is_file()) {
        // The first is where new inputs go that reach something new.
        libfuzzer.args([found, ours.join("corpus").join(target)]);
    }
    Ok(libfuzzer)
}

fn with_path(flag: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(flag);
    argument.push(path);
    argument
}
