//! What the homeserver answers: the body of a successful response.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use matrix_sdk::ruma::api::client::voip::get_turn_server_info::v3;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    credentials::TurnServer,
    source::Answer,
    unavailable::{Unavailable, UnavailableReason},
};

/// The largest answer that is looked at. A real one has a few hundred bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// What the body of a successful response means.
pub fn interpret(body: &[u8]) -> Result<Answer, Unavailable> {
    if body.len() > MAX_RESPONSE_BYTES {
        let size = body.len();
        return Err(Unavailable::unreachable(format!(
            "it answered {size} bytes, where at most {MAX_RESPONSE_BYTES} are looked at"
        )));
    }
    let malformed =
        || Unavailable::unreachable("malformed response: expected uris, username and password");

    let fields: Fields<'_> = serde_json::from_slice(body).map_err(|_| malformed())?;
    let has_no_uris = fields.get("uris").is_some_and(|uris| {
        uris.get() == "null" || serde_json::from_str::<[(); 0]>(uris.get()).is_ok()
    });
    if fields.is_empty() || has_no_uris {
        return Err(Unavailable::new(UnavailableReason::NotConfigured));
    }
    let info = credentials(&fields).ok_or_else(malformed)?;
    Answer::new(TurnServer::new(info.uris, info.username, info.password), info.ttl)
}

/// The fields of an answer. They borrow from it, since a copy would have to be wiped.
type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// ruma's response type, for an answer that has its shape.
///
/// Not by ruma's own parser, which rejects valid credentials because of their `ttl`.
fn credentials(fields: &Fields<'_>) -> Option<v3::Response> {
    fn field<'a, T: Deserialize<'a>>(fields: &Fields<'a>, name: &str) -> Option<T> {
        serde_json::from_str(fields.get(name)?.get()).ok()
    }

    Some(v3::Response::new(
        field(fields, "username")?,
        field(fields, "password")?,
        field(fields, "uris")?,
        ttl(fields.get("ttl").map_or("null", |ttl| ttl.get())),
    ))
}

/// How long credentials hold, rounded down to seconds. Zero if the homeserver does not say so with a
/// finite number that is not negative. Synapse sent `7200.0` until 2021.
fn ttl(json: &str) -> Duration {
    let whole = serde_json::from_str(json).ok();
    // A float beyond the range of integers becomes the largest one, a negative one zero.
    let seconds = whole.or_else(|| serde_json::from_str::<f64>(json).ok().map(|secs| secs as u64));
    Duration::from_secs(seconds.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(body: &[u8]) -> UnavailableReason {
        interpret(body).unwrap_err().reason()
    }

    #[test]
    fn s07_an_empty_object_and_no_uris_are_not_configured() {
        for body in ["{}", " { } \n", "{\"uris\":[]}", "{\"uris\": null}"] {
            assert_eq!(reason(body.as_bytes()), UnavailableReason::NotConfigured, "{body}");
        }
        for uris in [json!([]), json!(null)] {
            let conduit = json!({ "username": "", "password": "", "uris": uris, "ttl": 86400 });
            assert_eq!(reason(conduit.to_string().as_bytes()), UnavailableReason::NotConfigured);
        }
    }

    #[test]
    fn no_json_or_another_shape_is_transient() {
        let ok = json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": 60 });
        assert!(interpret(ok.to_string().as_bytes()).is_ok());

        let broken = [
            ("uris", json!("turn:a")),
            ("uris", json!([1])),
            ("username", json!(1)),
            ("password", json!(["p"])),
        ];
        for (key, value) in broken {
            let mut answer = ok.clone();
            answer[key] = value;
            assert_eq!(reason(answer.to_string().as_bytes()), UnavailableReason::Unreachable);
        }
        for body in ["", "<html>", "[]", "null", "{\"error\":1}", "\u{0}"] {
            assert_eq!(reason(body.as_bytes()), UnavailableReason::Unreachable, "{body:?}");
        }
        assert_eq!(reason(&[b'['; 60_000]), UnavailableReason::Unreachable);
    }

    fn ttl_of(ttl: &str) -> u64 {
        let answer = format!(r#"{{"username":"u","password":"p","uris":["turn:a"]{ttl}}}"#);
        interpret(answer.as_bytes()).unwrap_or_else(|why| panic!("{ttl}: {why}")).ttl.as_secs()
    }

    #[test]
    fn s13_a_ttl_is_any_finite_number_rounded_down() {
        for (ttl, seconds) in [
            ("0", 0),
            ("1", 1),
            ("1.5", 1),
            ("0.9", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("86400.0", 86_400),
            ("8.64e4", 86_400),
            ("18446744073709551615", u64::MAX),
            ("100000000000000000000", u64::MAX),
            ("1e300", u64::MAX),
        ] {
            assert_eq!(ttl_of(&format!(r#","ttl":{ttl}"#)), seconds, "{ttl}");
        }
    }

    #[test]
    fn s03_credentials_with_any_other_ttl_are_accepted_and_the_ttl_is_unknown() {
        for ttl in ["", "null", "-1", "-0.5", "-1e300", "1e999", r#""60""#, "true", "[60]", "{}"] {
            let field = if ttl.is_empty() { String::new() } else { format!(r#","ttl":{ttl}"#) };
            assert_eq!(ttl_of(&field), 0, "{ttl}");
        }
    }

    #[test]
    fn what_is_larger_than_64_kib_is_not_looked_at() {
        let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
        assert_eq!(reason(padded(65_536).as_bytes()), UnavailableReason::NotConfigured);
        let unavailable = interpret(padded(65_537).as_bytes()).unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::Unreachable);
        assert!(unavailable.to_string().contains("at most 65536"));
    }
}
