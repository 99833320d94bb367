//! The URIs that Synapse hands out, and how long credentials hold.

use matrix_sdk_turn::{IceTransport, IceUri};
use serde_json::Value;
use turn_probe::Severity::{self, Problem, Warning};

use super::{
    homeserver_yaml::HomeserverYaml,
    mistake::{Mistake, Which},
    tls,
    turnserver_conf::TurnserverConf,
};
use crate::uri;

/// What is shorter ends in the middle of many a call.
const SHORT_LIFETIME_MS: u64 = 10 * 60 * 1000;

/// Checks Synapse's settings, with coturn's beside them.
pub(super) fn check(conf: &TurnserverConf, yaml: &HomeserverYaml) -> Vec<Mistake> {
    let mut mistakes = match yaml.get("turn_uris") {
        None => vec![no_uris("`turn_uris` is not set, so Synapse hands out no TURN server.")],
        Some(Value::Array(uris)) if uris.is_empty() => {
            vec![no_uris("`turn_uris` is empty, so Synapse hands out no TURN server.")]
        }
        Some(Value::Array(uris)) => uris.iter().filter_map(|uri| check_uri(conf, uri)).collect(),
        Some(_) => vec![no_uris("`turn_uris` is not a list, so Synapse hands out no usable URI.")],
    };
    mistakes.extend(lifetime(yaml));
    for mistake in &mut mistakes {
        mistake.line = yaml.line(mistake.setting);
    }
    mistakes
}

fn no_uris(meaning: &str) -> Mistake {
    let advice = "Write a list: turn_uris: [\"turn:turn.example.org?transport=udp\"].";
    about("turn_uris", Problem, "no_uris", meaning, advice)
}

fn about(
    setting: &'static str,
    severity: Severity,
    code: &'static str,
    meaning: impl Into<String>,
    advice: &str,
) -> Mistake {
    Mistake::about(Which::Homeserver, setting, severity, code, meaning, advice)
}

fn check_uri(conf: &TurnserverConf, value: &Value) -> Option<Mistake> {
    let text = value.as_str().unwrap_or_default();
    if let Some(meaning) = uri::mistake(text) {
        let advice = "Write it like turn:turn.example.org:3478?transport=udp.";
        return Some(about("turn_uris", Problem, "unusable_uri", format!("{meaning}."), advice));
    }
    let uri: IceUri = text.parse().ok()?;
    if uri.is_tls() && uri.transport() == IceTransport::Tcp && !tls::is_possible(conf) {
        return Some(tls::impossible(text));
    }
    let off = match uri.transport() {
        IceTransport::Udp => "no-udp",
        IceTransport::Tcp => "no-tcp",
    };
    if !uri.is_tls() && conf.is_on(off) {
        let meaning = format!("{text} asks for what `{off}` in turnserver.conf switches off.");
        let advice = format!("Delete `{off}`, or take the URI away.");
        return Some(about("turn_uris", Problem, "transport_not_served", meaning, &advice));
    }
    other_port(conf, text, uri.port())
}

fn other_port(conf: &TurnserverConf, text: &str, port: u16) -> Option<Mistake> {
    const PORTS: [&str; 4] =
        ["listening-port", "tls-listening-port", "alt-listening-port", "alt-tls-listening-port"];
    let listens = PORTS.iter().any(|name| conf.number(name) == Some(port.into()));
    let is_auxiliary = conf.all("aux-server").any(|line| line.value.ends_with(&format!(":{port}")));
    if listens || is_auxiliary {
        return None;
    }
    let meaning = format!("{text} has the port {port}, and coturn does not listen there.");
    let advice = "Write coturn's port (3478, and 5349 for TLS, unless turnserver.conf says otherwise); \
                  if something forwards the port, leave it.";
    Some(about("turn_uris", Warning, "other_port", meaning, advice))
}

fn lifetime(yaml: &HomeserverYaml) -> Option<Mistake> {
    let milliseconds = match yaml.get("turn_user_lifetime")? {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => parse_lifetime(text)?,
        _ => return None,
    };
    let meaning = format!(
        "Credentials expire after {} seconds, in the middle of many a call.",
        milliseconds / 1000
    );
    let advice = "Set it to 1h or more; a number without a unit counts milliseconds.";
    (milliseconds < SHORT_LIFETIME_MS)
        .then(|| about("turn_user_lifetime", Warning, "short_lifetime", meaning, advice))
}

/// A duration as Synapse writes it: a number, and a unit unless it counts milliseconds.
fn parse_lifetime(text: &str) -> Option<u64> {
    let units = [('s', 1000), ('m', 60_000), ('h', 3_600_000), ('d', 86_400_000)];
    let unit = units.iter().find(|(unit, _)| text.ends_with(*unit));
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let longer = text.ends_with(['w', 'y']).then_some(u64::MAX);
    longer.or_else(|| number.parse::<u64>().ok()?.checked_mul(unit.map_or(1, |(_, ms)| *ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(conf: &str, yaml: &str) -> Vec<&'static str> {
        let yaml = HomeserverYaml::parse(yaml).unwrap();
        check(&TurnserverConf::parse(conf), &yaml).iter().map(|mistake| mistake.code).collect()
    }

    #[test]
    fn uris_that_no_client_can_use_are_found() {
        assert_eq!(codes("", "server_name: a"), ["no_uris"]);
        assert_eq!(codes("", "turn_uris: []"), ["no_uris"]);
        assert_eq!(codes("", "turn_uris: turn:a"), ["no_uris"]);
        let yaml = "turn_uris: ['turn:a/?transport=udp', 'http://a', 'turn:a']";
        assert_eq!(codes("", yaml), ["unusable_uri", "unusable_uri"]);
    }

    #[test]
    fn uris_that_coturn_does_not_serve_are_found() {
        assert_eq!(codes("", "turn_uris: ['turns:a?transport=tcp']"), ["tls_not_served"]);
        let served = "cert=/a\npkey=/b\n";
        for more in ["", "no-tcp\n"] {
            let conf = format!("{served}{more}");
            assert!(codes(&conf, "turn_uris: ['turns:a?transport=tcp']").is_empty(), "{conf}");
        }
        assert_eq!(
            codes("no-tcp", "turn_uris: ['turn:a?transport=tcp']"),
            ["transport_not_served"]
        );
        assert_eq!(codes("", "turn_uris: ['turn:a:3479']"), ["other_port"]);
        assert!(codes("listening-port=3479", "turn_uris: ['turn:a:3479']").is_empty());
    }

    #[test]
    fn a_short_lifetime_is_found() {
        let yaml = |lifetime| format!("turn_uris: ['turn:a']\nturn_user_lifetime: {lifetime}");
        for short in ["3600", "5m", "599999"] {
            assert_eq!(codes("", &yaml(short)), ["short_lifetime"], "{short}");
        }
        for long in ["86400000", "1h", "1d", "2w"] {
            assert!(codes("", &yaml(long)).is_empty(), "{long}");
        }
    }
}
