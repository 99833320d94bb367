//! Credentials as they are written to a store.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{credentials::TurnServer, schedule::Saved, source::Answer};

/// Another version is discarded: credentials are cheap to get.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Entry<'a> {
    version: u32,
    uris: Cow<'a, [String]>,
    username: Cow<'a, str>,
    password: Cow<'a, str>,
    /// Milliseconds since the beginning of 1970.
    asked: u64,
    /// In milliseconds.
    ttl: u64,
    /// Milliseconds since the beginning of 1970.
    refresh: u64,
}

/// Why an entry is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    #[error("the entry is damaged")]
    Damaged,
    #[error("the entry was written by another version")]
    OtherVersion,
}

pub(crate) fn encode(saved: &Saved) -> Zeroizing<Vec<u8>> {
    let Saved { server, asked, ttl, refresh } = saved;
    let entry = Entry {
        version: VERSION,
        uris: server.uris().into(),
        username: server.username().into(),
        password: server.password().into(),
        asked: since_1970(*asked),
        ttl: millis(*ttl),
        refresh: since_1970(*refresh),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity(server)));
    // Strings and numbers always serialize.
    let _ = serde_json::to_writer(&mut *bytes, &entry);
    bytes
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Saved, Unreadable> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }

    let Version { version } = serde_json::from_slice(bytes).map_err(|_| Unreadable::Damaged)?;
    if version != VERSION {
        return Err(Unreadable::OtherVersion);
    }
    // Not to be told why: serde_json repeats what it cannot make sense of.
    let entry: Entry<'_> = serde_json::from_slice(bytes).map_err(|_| Unreadable::Damaged)?;
    let server = TurnServer::new(entry.uris.into_owned(), entry.username, entry.password);
    let ttl = Duration::from_millis(entry.ttl);
    let Answer { server, ttl } = Answer::new(server, ttl).map_err(|_| Unreadable::Damaged)?;
    let moment = |millis| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    let asked = moment(entry.asked).ok_or(Unreadable::Damaged)?;
    let refresh = moment(entry.refresh).ok_or(Unreadable::Damaged)?;
    Ok(Saved { server, asked, ttl, refresh })
}

/// Enough for the entry.
fn capacity(server: &TurnServer) -> usize {
    const NAMES_AND_NUMBERS: usize = 256;

    NAMES_AND_NUMBERS + server.longest_json()
}

fn since_1970(moment: SystemTime) -> u64 {
    millis(moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn saved(username: &str, password: &str) -> Saved {
        let uris = vec!["turn:turn.example.org?transport=udp".to_owned(), "stun:a".to_owned()];
        let moment = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        Saved {
            server: TurnServer::new(uris, username, password),
            asked: moment(1_700_000_000),
            ttl: Duration::from_secs(86_400),
            refresh: moment(1_700_057_600),
        }
    }

    proptest! {
        #[test]
        fn s14_what_is_written_is_read(username in "[^\0]{1,100}", password in "[^\0]{1,100}") {
            let saved = saved(&username, &password);
            let entry = encode(&saved);
            prop_assert_eq!(entry.capacity(), capacity(&saved.server), "it did not grow");
            prop_assert_eq!(decode(&entry), Ok(saved));
        }

        #[test]
        fn s14_whatever_is_in_the_store_is_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn s14_a_damaged_entry_is_refused_or_harmless(at in 0..200_usize, byte: u8) {
            let mut entry = encode(&saved("1700086400:@alice:example.org", "s3cret/+="));
            let at = at % entry.len();
            entry[at] = byte;
            let _ = decode(&entry);
        }
    }

    #[test]
    fn s14_there_is_room_for_what_is_escaped_and_not_much_more() {
        for text in ["\u{1}".repeat(200), "a".repeat(200)] {
            let saved = saved(&text, &text);
            let entry = encode(&saved);
            assert_eq!(entry.capacity(), capacity(&saved.server), "it did not grow");
            assert!(entry.capacity() < 10 * entry.len());
        }
    }

    #[test]
    fn s14_an_entry_of_another_version_is_refused() {
        let newer = br#"{"version":2,"something":"else"}"#;
        assert_eq!(decode(newer), Err(Unreadable::OtherVersion));
        assert_eq!(decode(b"{}"), Err(Unreadable::Damaged));
    }

    #[test]
    fn s14_an_entry_that_no_transport_could_use_is_refused() {
        let mut entry = String::from_utf8(encode(&saved("alice", "p")).to_vec()).unwrap();
        entry = entry.replace(r#""password":"p""#, r#""password":"""#);
        assert_eq!(decode(entry.as_bytes()), Err(Unreadable::Damaged));
    }
}
