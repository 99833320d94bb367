//! The program against homeservers that mean ill, and as it is stopped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(unix)]
use std::io::{BufRead, BufReader};
use std::{
    fs,
    process::{Command, Output, Stdio},
    time::Duration,
};

#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

const PASSWORD: &str = "s3cret-password";
const TOKEN: &str = "s3cret-token";

/// What a terminal would obey, and what turns the direction of writing.
const EVIL: &str = "\u{1b}]0;pwned\u{7}\u{1b}[2J\r\u{9b}2J\u{202e}lla si sihT\u{2066}";

fn doctor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turn-doctor"));
    command
        .args(arguments)
        .env("TURN_DOCTOR_PASSWORD", PASSWORD)
        .env("TURN_DOCTOR_SECRET", "north")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn run(arguments: Vec<String>) -> Output {
    let run = move || doctor(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).output();
    tokio::task::spawn_blocking(run).await.unwrap().unwrap()
}

/// Watches until the first line, which is the output.
#[cfg(unix)]
async fn watch(arguments: Vec<String>) -> Output {
    let watch = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut watching = doctor(&arguments).spawn().unwrap();
        let mut stdout = BufReader::new(watching.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        kill_process(Pid::from_child(&watching), Signal::INT).unwrap();
        let output = watching.wait_with_output().unwrap();
        assert!(first.ends_with('\n'), "{first:?}");
        Output { stdout: first.trim_end().into(), ..output }
    };
    tokio::task::spawn_blocking(watch).await.unwrap()
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A homeserver that lets alice in, and answers this when it is asked for TURN servers.
async fn homeserver(turn_servers: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let session = json!({ "user_id": "@alice:a", "device_id": "D", "access_token": TOKEN });
    let answers = [
        ("GET", "/_matrix/client/versions", ok(json!({ "versions": ["v1.11"] }))),
        ("POST", "/_matrix/client/v3/login", ok(session)),
        ("GET", "/_matrix/client/v3/voip/turnServer", turn_servers),
        ("POST", "/_matrix/client/v3/logout", ok(json!({}))),
    ];
    for (verb, place, answer) in answers {
        Mock::given(method(verb)).and(path(place)).respond_with(answer).mount(&server).await;
    }
    server
}

async fn requests(server: &MockServer, end: &str) -> usize {
    let requests = server.received_requests().await.unwrap();
    requests.iter().filter(|request| request.url.path().ends_with(end)).count()
}

fn arguments(server: &MockServer, more: &[&str]) -> Vec<String> {
    let url = server.uri();
    let arguments = ["--homeserver", &url, "--user", "alice"];
    arguments.iter().chain(more).map(|&argument| argument.to_owned()).collect()
}

fn assert_harmless(output: &Output) {
    for bytes in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let evil = ['\u{1b}', '\u{7}', '\r', '\u{9b}', '\u{202e}', '\u{2066}'];
        assert!(!text.contains(evil), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_homeserver_says_moves_no_cursor() {
    let error = json!({ "errcode": format!("M_{EVIL}"), "error": EVIL });
    for status in [400, 403, 500] {
        let refusal = ResponseTemplate::new(status).set_body_json(&error);
        let server = homeserver(refusal.clone()).await;
        for more in [&[][..], &["--json"]] {
            let output = run(arguments(&server, more)).await;
            assert!(!output.status.success());
            assert_harmless(&output);
        }

        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/_matrix/client/versions"))
            .respond_with(ok(json!({ "versions": ["v1.11"] })))
            .mount(&server)
            .await;
        Mock::given(method("POST")).respond_with(refusal).mount(&server).await;
        for more in [&[][..], &["--json"]] {
            let output = run(arguments(&server, more)).await;
            assert_eq!(output.status.code(), Some(3));
            assert_harmless(&output);
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_homeserver_says_while_it_is_watched_moves_no_cursor() {
    let error = json!({ "errcode": format!("M_{EVIL}"), "error": EVIL });
    let server = homeserver(ResponseTemplate::new(500).set_body_json(error)).await;
    for more in [&["--watch"][..], &["--watch", "--json"]] {
        assert_harmless(&watch(arguments(&server, more)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_are_shown_move_no_cursor() {
    let answer = json!({
        "uris": ["turn:127.0.0.1:9"], "username": EVIL, "password": EVIL, "ttl": 60,
    });
    let server = homeserver(ok(answer)).await;
    let output = run(arguments(&server, &["--show-secrets", "--timeout", "1"])).await;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("username \u{fffd}]0;pwned"), "{shown:?}");
    assert_harmless(&output);

    let output = run(arguments(&server, &["--show-secrets", "--timeout", "1", "--json"])).await;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["credentials"]["password"], EVIL);
    assert_harmless(&output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_repeats_the_password_or_the_token_does_not_get_it_printed() {
    let echo = format!("{PASSWORD} and {TOKEN} are wrong");
    let error = json!({ "errcode": format!("M_{PASSWORD}"), "error": echo });
    let assert_silent = |output: &Output| {
        let said = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
        let said = said.concat();
        assert!(said.contains("are wrong"), "{said}");
        assert!(!said.contains(PASSWORD) && !said.contains(TOKEN), "{said}");
    };
    for status in [400, 429, 500] {
        let server = homeserver(ResponseTemplate::new(status).set_body_json(&error)).await;
        for more in [&[][..], &["--json"]] {
            assert_silent(&run(arguments(&server, more)).await);
        }
        #[cfg(unix)]
        for more in [&["--watch"][..], &["--watch", "--json"]] {
            assert_silent(&watch(arguments(&server, more)).await);
        }
    }
}

#[cfg(unix)]
#[test]
fn the_name_of_a_file_moves_no_cursor() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(format!("{EVIL}.json"));
    fs::write(&file, "{}").unwrap();
    for more in [&[][..], &["--json"]] {
        let output = doctor(&["--from-json", file.to_str().unwrap()]).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_harmless(&output);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_written_does_not_lose_the_result() {
    let server = homeserver(ok(json!({}))).await;
    let output = run(arguments(&server, &["--report", "/nowhere/at/all.html"])).await;
    assert_eq!(output.status.code(), Some(3));
    let (shown, said) = (output.stdout, String::from_utf8(output.stderr).unwrap());
    assert!(String::from_utf8(shown).unwrap().starts_with("Nothing relays"));
    assert!(said.contains("/nowhere/at/all.html cannot be written"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_gives_no_answer_is_not_said_to_be_asked_again() {
    let server = homeserver(ResponseTemplate::new(502).set_body_string("<html>")).await;
    let output = run(arguments(&server, &[])).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(said.contains("could not be asked") && !said.contains("again soon"), "{said}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_logs_out_the_device_that_was_logged_in() {
    for (signal, more) in
        [(Signal::INT, vec![]), (Signal::TERM, vec![]), (Signal::TERM, vec!["--watch"])]
    {
        // It is stopped in the middle of this.
        let server = homeserver(ok(json!({})).set_delay(Duration::from_secs(60))).await;
        let arguments = arguments(&server, &more);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let mut running = doctor(&arguments).spawn().unwrap();
        while requests(&server, "/turnServer").await == 0 {
            assert!(running.try_wait().unwrap().is_none(), "it ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(requests(&server, "/logout").await, 0);
        kill_process(Pid::from_child(&running), signal).unwrap();
        let output = tokio::task::spawn_blocking(move || running.wait_with_output());
        let output = output.await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(3), "{signal:?}");
        assert_eq!(requests(&server, "/logout").await, 1, "{signal:?}");
    }
}

#[test]
fn check_reads_two_files_and_secret_tells_whose_secret_differs() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let conf = write(
        "turnserver.conf",
        "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\nrealm=a\n\
         static-auth-secret=north\n",
    );
    let right = write("right.yaml", "turn_uris: ['turn:a']\nturn_shared_secret: north\n");
    let wrong = write("wrong.yaml", "turn_uris: ['turn:a']\nturn_shared_secret: south\n");
    let check = |arguments: &[&str]| {
        let output = doctor(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, shown) = check(&["--check", &conf, &right]);
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.starts_with("Nothing is wrong"), "{shown}");
    assert_eq!(check(&["--check", &conf]).0, Some(0));
    let (status, shown) = check(&["--check", &conf, &wrong, "--json"]);
    assert_eq!(status, Some(2), "{shown}");
    let document: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(document["mistakes"][0]["code"], "secrets_differ");
    assert!(!shown.contains("north") && !shown.contains("south"), "{shown}");
    assert_eq!(check(&["--check", "/nowhere/at/all"]).0, Some(3));
    assert_eq!(check(&["--check", &right]).0, Some(3), "it is not turnserver.conf");
    let (status, shown) = check(&["--check", &write("empty.conf", "# realm=a\n")]);
    assert_eq!(status, Some(2), "{shown}");
    assert!(shown.contains("anyone on the internet can relay"), "{shown}");

    // Made by: printf 1900000000:alice | openssl dgst -sha1 -hmac north -binary | base64
    let answer = r#"{"uris":["turn:192.0.2.1"],"username":"1900000000:alice","password":"SnH0MEKWgnUzXU+ElSVhRG+O/9g="}"#;
    let answer = write("answer.json", answer);
    let made_with = |secret: &str| {
        let output = doctor(&["--from-json", &answer, "--secret"])
            .env("TURN_DOCTOR_SECRET", secret)
            .output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, shown) = made_with("north");
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.starts_with("The credentials were made with this secret."), "{shown}");
    let (status, shown) = made_with("south");
    assert_eq!(status, Some(2), "{shown}");
    assert!(!shown.contains("south"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_about_a_secret_names_the_settings_of_the_homeservers_software() {
    let answer = json!({
        "uris": ["turn:a"], "username": "1900000000:alice", "password": "p", "ttl": 60,
    });
    for (software, is_synapse) in [("Synapse", true), ("Dendrite", false)] {
        let server = homeserver(ok(answer.clone())).await;
        Mock::given(path("/_matrix/federation/v1/version"))
            .respond_with(ok(json!({ "server": { "name": software, "version": "1" } })))
            .mount(&server)
            .await;
        let output = run(arguments(&server, &["--secret", "--json"])).await;
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let advice = document["advice"].as_str().unwrap();
        assert!(advice.contains("`turn_shared_secret`"), "{advice}");
        assert_eq!(advice.contains("homeserver.yaml"), is_synapse, "{software}: {advice}");
    }
}
