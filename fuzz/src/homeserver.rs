//! The homeserver's answer to `GET /_matrix/client/v3/voip/turnServer`.

use std::{borrow::Cow, time::Duration};

use matrix_sdk_turn::{Answer, TurnServer, UnavailableReason, fuzzing::interpret};
use serde::Deserialize;

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
    ttl: u64,
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
    assert_eq!(answer.ttl(), Duration::from_secs(specified.ttl));
}

/// Whether the answer is an object that is empty, as Synapse's is without TURN servers, or that has no
/// URIs in its list.
fn says_nothing(body: &[u8]) -> bool {
    let Some(fields) = Fields::read(body) else { return false };
    let is_empty_list = |list: &str| list.split_whitespace().collect::<String>() == "[]";
    fields.len() == 0 || fields.last("uris").is_some_and(|uris| is_empty_list(uris.get()))
}
