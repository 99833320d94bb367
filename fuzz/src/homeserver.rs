//! The homeserver's answer to `GET /_matrix/client/v3/voip/turnServer`.

use std::borrow::Cow;

use matrix_sdk_turn::{Answer, TurnServer, UnavailableReason, fuzzing::interpret};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    fields::Fields,
    secret::{MARK, assert_none_in},
};

/// An input is the body of a response with status 200.
pub fn homeserver(body: &[u8]) {
    match interpret(body) {
        Ok(answer) => check_credentials(body, &answer),
        Err(why) => {
            assert_none_in(&format!("{why} {why:?} {:?}", why.detail()));
            let is_nothing = says_nothing(body);
            match why.reason() {
                UnavailableReason::NotConfigured => assert!(is_nothing),
                UnavailableReason::Unreachable | UnavailableReason::Misconfigured => {
                    assert!(!is_nothing);
                }
                reason => panic!("no answer means {reason:?}"),
            }
        }
    }
}

/// What the specification says of an answer, read by whoever does not care about anything else.
#[derive(Deserialize)]
struct Specified<'a> {
    uris: Vec<Cow<'a, str>>,
    username: Cow<'a, str>,
    password: Cow<'a, str>,
    #[serde(borrow)]
    ttl: Option<&'a RawValue>,
}

/// Credentials are those of the answer, all of them, and somebody can use them.
fn check_credentials(body: &[u8], answer: &Answer) {
    let server = answer.server();
    assert!(!server.uris().is_empty());
    assert_eq!(server.ice_servers().len(), 1, "a transport can use them");
    if !server.uris().iter().any(|uri| uri.contains(MARK)) {
        assert_none_in(&format!("{answer:?} {answer:#?}"));
    }
    // It fails on a field that is there twice, which is taken all the same.
    let Ok(specified) = serde_json::from_slice::<Specified<'_>>(body) else { return };
    let uris = specified.uris.into_iter().map(Cow::into_owned).collect();
    let expected = TurnServer::new(uris, specified.username, specified.password);
    assert_eq!(*server, expected);
    assert_eq!(server.left_out(), expected.left_out());
    let ttl = specified.ttl.map_or("null", RawValue::get);
    check_ttl(ttl, answer.ttl().as_secs());
}

/// S3, S13: any finite number of at least 0, rounded down; everything else is unknown, which is 0.
fn check_ttl(ttl: &str, secs: u64) {
    let is_integer = !ttl.is_empty() && ttl.bytes().all(|byte| byte.is_ascii_digit());
    match (ttl.parse::<u64>(), ttl.parse::<f64>()) {
        (Ok(whole), _) if is_integer => assert_eq!(secs, whole),
        // Rust reads words as numbers that JSON does not have.
        (_, Ok(number)) if number.is_finite() && number >= 1.0 => {
            // The next integer may be further away than 1.
            let (low, high) = (number * (1.0 - f64::EPSILON) - 1.0, number * (1.0 + f64::EPSILON));
            let capped = |bound: f64| bound.min(u64::MAX as f64);
            assert!((capped(low)..=capped(high)).contains(&(secs as f64)), "{ttl}: {secs}");
        }
        _ => assert_eq!(secs, 0, "{ttl}"),
    }
}

/// Whether the answer is an object that is empty, as Synapse's is without TURN servers, or that has
/// `null` or an empty list for its URIs.
fn says_nothing(body: &[u8]) -> bool {
    let Some(fields) = Fields::read(body) else { return false };
    let is_nothing =
        |uris: &str| matches!(uris.split_whitespace().collect::<String>().as_str(), "[]" | "null");
    fields.len() == 0 || fields.last("uris").is_some_and(|uris| is_nothing(uris.get()))
}
