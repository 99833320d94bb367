//! The programs as somebody runs them, in short.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use benches::output::WIDTH;

const FRESHNESS: &str = env!("CARGO_BIN_EXE_freshness");
const FLEET: &str = env!("CARGO_BIN_EXE_fleet");
const SOAK: &str = env!("CARGO_BIN_EXE_soak");

/// What all three can do.
const RUNS: [&[&str]; 4] = [
    &[FRESHNESS, "--short", "--moments", "10"],
    &[FLEET, "--short", "--clients", "1000"],
    &[SOAK, "--scripts", "1000"],
    &[SOAK, "--seed", "42"],
];

fn command(run: &[&str]) -> Command {
    let (program, args) = run.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(args);
    command
}

fn printed(run: &[&str]) -> String {
    let output = command(run).output().expect("can be run");
    assert!(output.status.success(), "{run:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{run:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn assert_is_narrow(name: &str, text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{name}: {line}");
    }
}

#[test]
fn nothing_printed_is_wider_than_80_columns() {
    for run in RUNS {
        assert_is_narrow(run[0], &printed(run));
    }
    for program in [FRESHNESS, FLEET, SOAK] {
        assert_is_narrow(program, &printed(&[program, "--help"]));
    }
    // Replays print all kinds of events.
    for seed in 0..50 {
        assert_is_narrow("soak", &printed(&[SOAK, "--seed", &seed.to_string()]));
    }
}

#[test]
fn no_table_in_the_docs_is_wider_than_80_columns() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/freshness.md");
    let docs = fs::read_to_string(docs).expect("the docs");
    let tables: Vec<_> = docs.lines().filter(|line| line.starts_with('|')).collect();
    assert!(!tables.is_empty());
    assert_is_narrow("docs/freshness.md", &tables.join("\n"));
}

#[test]
fn what_the_figures_say_comes_before_the_figures() {
    for run in &RUNS[..2] {
        let printed = printed(run);
        let (findings, rest) = printed.split_once("\n\n|").expect("a table");
        assert!(findings.starts_with("What the figures say:\n\n- "), "{findings}");
        assert!(rest.lines().count() > findings.lines().count());
    }
}

#[test]
fn who_has_read_enough_ends_them_quietly() {
    for run in RUNS {
        let mut program =
            command(run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("can be run");
        drop(program.stdout.take());
        let Output { status, stderr, .. } = program.wait_with_output().expect("ends");
        assert!(status.success(), "{run:?}: {status}");
        assert_eq!(String::from_utf8_lossy(&stderr), "", "{run:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_no_success() {
    for run in RUNS {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("on Linux");
        let output = command(run).stdout(full).output().expect("can be run");
        assert_eq!(output.status.code(), Some(1), "{run:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with("error: cannot write to stdout: No space left"), "{stderr}");
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_said() {
    let run = [FLEET, "--clients", "10", "--plot", "/dev/null/fleet.svg"];
    let output = command(&run).output().expect("can be run");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: cannot draw /dev/null/fleet.svg: "), "{stderr}");
}
