//! What CI runs beyond plain cargo commands: `cargo xtask --help`.

#![allow(clippy::print_stdout, reason = "a task reports to whoever runs it")]

mod api;
mod compat;
mod dependencies;
mod e2e;
mod fuzz;
mod instructions;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// What CI runs beyond plain cargo commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Compares the library's public API with the one in crates/matrix-sdk-turn/api.txt.
    Api(api::Arguments),
    /// Builds the library against the newest matrix-sdk that is supported, or against a checkout of
    /// matrix-rust-sdk, and runs its tests.
    Compat(compat::Arguments),
    /// Counts the crates and features that the library adds to a client which has matrix-sdk already.
    Dependencies,
    /// Runs the end-to-end suite, and installs the real parts it needs if they are missing.
    E2e(e2e::Arguments),
    /// Tries what takes input from outside with inputs that libFuzzer comes up with.
    ///
    /// On stable Rust: libFuzzer is a crate, libfuzzer-sys, which takes a C++ compiler. fuzz/rustc.sh adds
    /// the flags that count branches and comparisons, to the workspace's own crates only, so that no
    /// dependency is built once more.
    Fuzz(fuzz::Arguments),
    /// Counts the instructions of what the library does often, and compares them with the counts that
    /// are noted in benches/instructions.txt. Needs valgrind.
    Instructions(instructions::Arguments),
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::Api(arguments) => api::run(&arguments),
        Task::Compat(arguments) => compat::run(arguments),
        Task::Dependencies => dependencies::run(),
        Task::E2e(arguments) => e2e::run(arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Instructions(arguments) => instructions::run(&arguments),
    }
}

fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    // cargo has set variables that describe this program. The build script of ring depends on them:
    // with them, ring and all that needs it would be built again in every task, and once more after it.
    let of_cargo = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_cargo) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn run(command: &mut Command) -> Result<()> {
    println!("$ {command:?}");
    let status = command.status().with_context(|| format!("{command:?} did not start"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

/// Runs a command of cargo's that builds, and returns the executable that is meant among those it
/// built. Variables and configuration files decide where cargo puts one, so cargo is asked.
fn built_by(build: &mut Command, is_meant: impl Fn(&Path) -> bool) -> Result<PathBuf> {
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    println!("$ {build:?}");
    let output = build.output()?;
    ensure!(output.status.success(), "{build:?} failed: {}", output.status);
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| line.split_once(r#""executable":""#)?.1.split('"').next())
        .map(PathBuf::from)
        .find(|executable| is_meant(executable))
        .with_context(|| format!("{build:?} built no such executable"))
}
