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
    let malformed = || {
        Unavailable::unreachable(
            "its answer has not the shape of one: uris, username, password and ttl",
        )
    };

    let fields: Fields<'_> = serde_json::from_slice(body).map_err(|_| malformed())?;
    let has_no_uris =
        fields.get("uris").is_some_and(|uris| serde_json::from_str::<[(); 0]>(uris.get()).is_ok());
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
/// Not by ruma's own parser, which takes no `ttl` beyond 2^53 - 1.
fn credentials(fields: &Fields<'_>) -> Option<v3::Response> {
    fn field<'a, T: Deserialize<'a>>(fields: &Fields<'a>, name: &str) -> Option<T> {
        serde_json::from_str(fields.get(name)?.get()).ok()
    }

    Some(v3::Response::new(
        field(fields, "username")?,
        field(fields, "password")?,
        field(fields, "uris")?,
        Duration::from_secs(field(fields, "ttl")?),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reason(body: &[u8]) -> UnavailableReason {
        interpret(body).unwrap_err().reason()
    }

    #[test]
    fn an_empty_object_is_not_configured() {
        for body in ["{}", " { } \n", "{\"uris\":[]}"] {
            assert_eq!(reason(body.as_bytes()), UnavailableReason::NotConfigured, "{body}");
        }
        let conduit = json!({ "username": "", "password": "", "uris": [], "ttl": 86400 });
        assert_eq!(reason(conduit.to_string().as_bytes()), UnavailableReason::NotConfigured);
    }

    #[test]
    fn no_json_or_another_shape_is_transient() {
        let ok = json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": 60 });
        assert!(interpret(ok.to_string().as_bytes()).is_ok());

        let broken = [
            ("ttl", json!(-1)),
            ("ttl", json!(1.5)),
            ("ttl", json!("60")),
            ("ttl", json!(null)),
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

    #[test]
    fn a_ttl_of_zero_or_of_2_to_the_64_is_taken() {
        for (ttl, taken) in [(0, 0), (1, 1), (u64::MAX, u64::MAX)] {
            let answer =
                json!({ "username": "u", "password": "p", "uris": ["turn:a"], "ttl": ttl });
            let answer = interpret(answer.to_string().as_bytes()).unwrap();
            assert_eq!(answer.ttl, Duration::from_secs(taken));
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
