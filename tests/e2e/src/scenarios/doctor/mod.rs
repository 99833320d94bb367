//! turn-doctor on set-ups that are right, and on set-ups that are wrong in one thing each.

mod advice;
mod certificates;
mod credentials;
mod firewall;
mod settings;

pub(crate) use self::{
    advice::{the_advice_on_a_network_helps, the_advice_on_a_turn_server_helps},
    certificates::{
        the_advice_on_a_certificate_helps, the_doctor_names_what_is_wrong_with_a_certificate,
    },
    credentials::{
        the_advice_on_two_servers_helps, the_advice_without_a_turn_server_helps,
        the_doctor_names_what_is_wrong_between_two_servers,
        the_doctor_says_that_there_is_no_turn_server,
    },
    firewall::the_doctor_names_what_a_firewall_drops,
    settings::the_doctor_names_what_is_wrong_with_a_turn_server,
};

use std::{
    ffi::OsString,
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha1::Sha1;

use crate::{
    parts::{AnyCoturn, Visit},
    stage::{SECRET, Stage},
};

/// How long the credentials of a saved answer hold, in seconds.
const TTL: i64 = 3600;

/// One set-up: a coturn, and an answer of a homeserver's that leads to it.
struct Case<'a> {
    /// Names its directory.
    name: &'a str,
    /// coturn's settings, beside those that all of them have.
    settings: Vec<String>,
    uris: Vec<String>,
    /// What goes before coturn's command, and before the doctor's.
    hosts: [Vec<OsString>; 2],
    /// Further flags of the doctor's.
    flags: Vec<String>,
}

impl<'a> Case<'a> {
    /// On loopback.
    fn new(name: &'a str, port: u16, settings: &[&str], uris: Vec<String>) -> Self {
        let mut lines = vec![
            format!("listening-port={port}"),
            "listening-ip=127.0.0.1".to_owned(),
            "relay-ip=127.0.0.1".to_owned(),
            format!("static-auth-secret={SECRET}"),
        ];
        lines.extend(settings.iter().map(|setting| (*setting).to_owned()));
        Self { name, settings: lines, uris, hosts: [vec![], vec![]], flags: vec![] }
    }

    /// Starts the coturn, has the doctor look at it, and stops it.
    async fn visit(&self, stage: &mut Stage, ttl: i64) -> anyhow::Result<Visit> {
        let directory = stage.directory.join(self.name);
        let [turn_host, doctors_host] = &self.hosts;
        let coturn =
            AnyCoturn::start(stage.environment(), &directory, turn_host, &self.settings).await?;
        let file = directory.join("answer.json");
        fs::write(&file, answer(&self.uris, ttl))?;
        let file = file.display().to_string();
        let flags = ["--from-json", &file].into_iter().chain(self.flags.iter().map(String::as_str));
        let visit = Visit::pay(doctors_host, &flags.collect::<Vec<_>>(), "").await;
        coturn.stop().await?;
        let visit = visit?;
        note(stage, self.name, &visit)?;
        Ok(visit)
    }
}

/// Keeps what the doctor said beside the logs.
fn note(stage: &mut Stage, name: &str, visit: &Visit) -> anyhow::Result<()> {
    fs::write(stage.directory.join(format!("{name}.txt")), &visit.text)?;
    let verdict = visit.text.lines().next().unwrap_or_default();
    stage.found(format!("{name}: {verdict}"));
    Ok(())
}

/// What a homeserver with the suite's secret answers, for credentials that hold for `ttl` seconds, or that
/// ended as many ago.
fn answer(uris: &[String], ttl: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let expiry = i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_add(ttl);
    let username = format!("{expiry}:@alice:localhost");
    let password = signature(&username).unwrap_or_default();
    json!({ "uris": uris, "username": username, "password": password, "ttl": TTL }).to_string()
}

fn signature(username: &str) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).ok()?;
    mac.update(username.as_bytes());
    Some(BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

fn udp(host: &str, port: u16) -> String {
    format!("turn:{host}:{port}?transport=udp")
}

fn tcp(host: &str, port: u16) -> String {
    format!("turn:{host}:{port}?transport=tcp")
}
