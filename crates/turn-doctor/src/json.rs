//! An examination as JSON: the schema of docs/turn-doctor.md, version 1.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use turn_probe::{Finding, Outcome, Route, Step, Text, Verdict};

use crate::{
    credentials::{Credentials, expiry},
    examination::Examination,
    status::{self, COULD_NOT_ASK},
};

/// It changes when a field is taken away or means something else, and not when one is added.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    verdict: &'static str,
    exit_status: u8,
    subject: &'a str,
    checked_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials: Option<CredentialsJson<'a>>,
    routes: Vec<RouteJson>,
    findings: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    version: u32,
    verdict: &'static str,
    exit_status: u8,
    error: &'a str,
}

#[derive(Serialize)]
struct CredentialsJson<'a> {
    uris: &'a [String],
    ttl_seconds: Option<u64>,
    expires_at: Option<u64>,
    homeserver_clock_ahead_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

#[derive(Serialize)]
struct RouteJson {
    uri: String,
    address: Option<String>,
    status: &'static str,
    findings: Vec<usize>,
    steps: Vec<StepJson>,
}

#[derive(Serialize)]
struct StepJson {
    step: &'static str,
    outcome: &'static str,
    detail: String,
    began_ms: f64,
    took_ms: f64,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    code: &'static str,
    severity: &'static str,
    routes: &'a [usize],
    meaning: &'a str,
    advice: &'a str,
}

/// For people to read as well.
pub(crate) fn pretty(examination: &Examination, show_secrets: bool) -> String {
    let document = document(examination, show_secrets);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// In one line.
pub(crate) fn one_line(examination: &Examination, show_secrets: bool) -> String {
    serde_json::to_string(&document(examination, show_secrets)).unwrap_or_default()
}

/// What could not be asked.
pub(crate) fn failure(error: &str) -> String {
    let (exit_status, error) = (COULD_NOT_ASK, Text::uncut(error));
    let error = error.as_str();
    let failure = Failure { version: VERSION, verdict: "unknown", exit_status, error };
    serde_json::to_string(&failure).unwrap_or_default()
}

fn document(examination: &Examination, show_secrets: bool) -> Document<'_> {
    let diagnosis = &examination.diagnosis;
    Document {
        version: VERSION,
        verdict: verdict(diagnosis.verdict),
        exit_status: status::of(diagnosis),
        subject: &examination.subject,
        checked_at: unix_seconds(examination.at),
        credentials: examination
            .credentials
            .as_ref()
            .map(|credentials| credentials_json(credentials, show_secrets)),
        routes: diagnosis.routes.iter().map(route).collect(),
        findings: diagnosis.findings.iter().map(finding).collect(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::AllRelay => "all",
        Verdict::SomeRelay => "some",
        Verdict::NoneRelays => "none",
    }
}

fn credentials_json(credentials: &Credentials, show_secrets: bool) -> CredentialsJson<'_> {
    let Credentials { server, circumstances } = credentials;
    let ahead = circumstances.homeserver_clock.map(|clock| {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        match clock.duration_since(circumstances.asked_at) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        }
    });
    CredentialsJson {
        uris: server.uris(),
        ttl_seconds: circumstances.ttl.map(|ttl| ttl.as_secs()),
        expires_at: expiry(credentials).map(unix_seconds),
        homeserver_clock_ahead_seconds: ahead,
        username: show_secrets.then(|| server.username()),
        password: show_secrets.then(|| server.password()),
    }
}

fn route(route: &Route) -> RouteJson {
    RouteJson {
        uri: route.uri.to_string(),
        address: route.address.map(|address| address.to_string()),
        status: route.status.as_str(),
        findings: route.findings.clone(),
        steps: route.steps.iter().map(step).collect(),
    }
}

fn step(step: &Step) -> StepJson {
    let (outcome, detail) = match &step.outcome {
        Outcome::Done(found) => ("done", found.to_string()),
        Outcome::Failed(failure) => ("failed", failure.to_string()),
        Outcome::Skipped(why) => ("skipped", why.to_string()),
    };
    let [began_ms, took_ms] = [step.began, step.took].map(rounded_milliseconds);
    StepJson { step: step.kind.as_str(), outcome, detail, began_ms, took_ms }
}

fn finding(finding: &Finding) -> FindingJson<'_> {
    FindingJson {
        code: finding.explanation.code,
        severity: finding.severity.as_str(),
        routes: &finding.routes,
        meaning: &finding.explanation.meaning,
        advice: &finding.explanation.advice,
    }
}

fn rounded_milliseconds(span: Duration) -> f64 {
    (span.as_secs_f64() * 100_000.0).round() / 100.0
}

fn unix_seconds(moment: SystemTime) -> u64 {
    moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
