//! The program on the servers of `--embedded`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use turn_embedded::{EmbeddedTurnServer, SharedSecret, USER};

fn doctor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turn-doctor"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    doctor(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_verdict_comes_first_and_is_the_exit_status() {
    let output = run(&["--embedded"]);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output.stdout);
    assert_eq!(text.lines().next(), Some("Everything relays: 1 of 1 way."));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    // It is no terminal: neither colours nor progress.
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(output.stderr.is_empty());
}

#[test]
fn json_is_what_its_schema_says() {
    let output = run(&["--embedded", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = [
        "checked_at",
        "credentials",
        "exit_status",
        "findings",
        "routes",
        "subject",
        "verdict",
        "version",
    ];
    assert_eq!(keys(&document), expected.into());
    assert_eq!(document["version"], 1);
    assert_eq!(document["verdict"], "all");
    assert_eq!(document["exit_status"], 0);
    let expected = ["expires_at", "homeserver_clock_ahead_seconds", "ttl_seconds", "uris"];
    assert_eq!(keys(&document["credentials"]), expected.into());
    assert_eq!(document["credentials"]["ttl_seconds"], 3600);

    let route = &document["routes"][0];
    assert_eq!(keys(route), ["address", "findings", "status", "steps", "uri"].into());
    let names: Vec<_> =
        route["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    for step in ["resolve", "binding", "allocate", "relay", "direct", "refresh"] {
        assert!(names.contains(&step.into()), "{step} is not among {names:?}");
    }
    for step in route["steps"].as_array().unwrap() {
        assert_eq!(keys(step), ["began_ms", "detail", "outcome", "step", "took_ms"].into());
    }
    for finding in document["findings"].as_array().unwrap() {
        assert_eq!(keys(finding), ["advice", "code", "meaning", "routes", "severity"].into());
    }
}

#[test]
fn secrets_are_shown_to_who_asks_for_them_only() {
    let shown = doctor(&["--embedded", "--json", "--show-secrets"])
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let password = document["credentials"]["password"].as_str().unwrap();
    let username = document["credentials"]["username"].as_str().unwrap();
    assert!(!password.is_empty() && username.contains(":@alice"));
    let log = text(&shown.stderr);
    assert!(log.contains("TRACE"), "{log}");
    assert!(!log.contains(password) && !log.contains(username), "{log}");

    let unasked = text(&run(&["--embedded"]).stdout);
    assert!(!unasked.contains(":@alice"), "the TURN username");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_from_the_environment_is_in_no_log() {
    let secret = SharedSecret::random();
    let server = EmbeddedTurnServer::start(secret.clone()).await.unwrap();
    let (username, password) = secret.issue(USER, Duration::from_secs(60), SystemTime::now());
    let output = doctor(&["--uri", &server.uris()[0], "--username", &username])
        .env("TURN_DOCTOR_PASSWORD", &password)
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let (said, log) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{log}");
    assert!(log.contains("TRACE"), "{log}");
    assert!(!said.contains(&password) && !log.contains(&password), "{said}{log}");
}

#[test]
fn a_report_is_one_page_without_scripts_and_without_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.html");
    let output = run(&["--embedded", "--report", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let page = fs::read_to_string(path).unwrap();
    assert!(page.contains("Everything relays") && page.contains("<svg"));
    for absent in ["<script", "src=", "http://", "https://", ":@alice"] {
        let found = page.replace("http://www.w3.org/2000/svg", "");
        let homeserver = found.replace("http://127.0.0.1", "");
        assert!(!homeserver.contains(absent), "{absent}");
    }
}

#[test]
fn a_saved_answer_is_tried() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answer.json");
    fs::write(&path, "{}").unwrap();
    let output = run(&["--from-json", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));

    fs::write(&path, "<html>").unwrap();
    let output = run(&["--from-json", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!text(&output.stderr).is_empty());
}

#[test]
fn what_cannot_be_asked_is_said_in_one_line_and_is_status_3() {
    for arguments in [
        vec!["--bogus"],
        vec![],
        vec!["--homeserver", "nowhere.invalid", "--user", "alice"],
        vec!["--uri", "turn:alice:s3cret@example.org", "--username", "alice"],
    ] {
        let output = doctor(&arguments).env("TURN_DOCTOR_PASSWORD", "s3cret").output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.starts_with("error: ") && !said.contains("s3cret"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn watching_goes_on_until_it_is_interrupted() {
    let mut watching = doctor(&["--embedded", "--watch", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["verdict"], "all");
    assert!(watching.try_wait().unwrap().is_none(), "it waits for the next refresh");
    let pid = rustix::process::Pid::from_child(&watching);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none());
}
