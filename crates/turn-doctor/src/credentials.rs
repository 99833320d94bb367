//! Where TURN credentials come from, and what is known of them.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context, anyhow};
use matrix_sdk_turn::{Answer, HomeserverSource, TurnServer, TurnServerSource, Unavailable};
use serde::Deserialize;
use turn_probe::{Circumstances, Origin};

use crate::{account::Session, clock};

/// The longest file that is read. A homeserver's answer has a few hundred bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Credentials, and what is known of how they were come by.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) server: TurnServer,
    pub(crate) circumstances: Circumstances,
}

/// What somebody answered who was asked for credentials.
pub(crate) type Obtained = Result<Credentials, Unavailable>;

/// Asks the homeserver, as a client does.
pub(crate) async fn of_homeserver(session: &Session) -> Obtained {
    let source = HomeserverSource::new(&session.client);
    let answer = source.fetch().await?;
    let circumstances = circumstances(session, answer.ttl()).await;
    Ok(Credentials { server: answer.server().clone(), circumstances })
}

/// What is known of credentials that the homeserver handed out just now.
pub(crate) async fn circumstances(session: &Session, ttl: Duration) -> Circumstances {
    let clocks = clock::compare(&session.client.homeserver()).await;
    Circumstances::new(Origin::Homeserver).with_ttl(ttl).with_clocks(clocks.ours, clocks.homeserver)
}

/// Takes what was typed in.
pub(crate) fn given(uris: &[String], username: &str, password: &str) -> Obtained {
    let server = TurnServer::new(uris.to_vec(), username, password);
    accept(server, Duration::ZERO, Circumstances::new(Origin::Given))
}

/// A homeserver's answer in a file, `-` for stdin.
pub(crate) fn saved(file: &Path) -> anyhow::Result<Obtained> {
    let text = match file.as_os_str() == "-" {
        true => read_limited(io::stdin().lock()),
        false => fs::File::open(file).and_then(read_limited),
    };
    let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
    parse(&text).with_context(|| format!("{} is no homeserver's answer", file.display()))
}

fn read_limited(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    reader.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// `GET /_matrix/client/v3/voip/turnServer`. What is missing is empty: that is for the diagnosis to say.
#[derive(Deserialize)]
struct Saved {
    #[serde(default)]
    uris: Vec<String>,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    ttl: u64,
}

fn parse(text: &str) -> anyhow::Result<Obtained> {
    // The parser's own error would show a part of the text, which holds a password.
    let saved: Saved = serde_json::from_str(text).map_err(|error| {
        anyhow!(
            "it takes the JSON of /voip/turnServer, and line {} has another shape",
            error.line()
        )
    })?;
    let server = TurnServer::new(saved.uris, saved.username, saved.password);
    let ttl = Duration::from_secs(saved.ttl);
    Ok(accept(server, ttl, Circumstances::new(Origin::Saved)))
}

/// Judges credentials as those of a homeserver are judged.
fn accept(server: TurnServer, ttl: Duration, circumstances: Circumstances) -> Obtained {
    let answer = Answer::new(server, ttl)?;
    Ok(Credentials { server: answer.server().clone(), circumstances: circumstances.with_ttl(ttl) })
}

/// When credentials expire, by the homeserver's own word.
pub(crate) fn expiry(credentials: &Credentials) -> Option<SystemTime> {
    let circumstances = &credentials.circumstances;
    match circumstances.origin {
        Origin::Homeserver => circumstances.asked_at.checked_add(circumstances.ttl?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use matrix_sdk_turn::UnavailableReason;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_read_as_synapse_sends_it() {
        let text =
            r#"{"username":"1:a","password":"p","ttl":3600,"uris":["turn:a?transport=udp"]}"#;
        let credentials = parse(text).unwrap().unwrap();
        assert_eq!(credentials.server.uris(), ["turn:a?transport=udp"]);
        assert_eq!(credentials.circumstances.ttl, Some(Duration::from_secs(3600)));
        assert_eq!(credentials.circumstances.origin, Origin::Saved);
    }

    #[test]
    fn an_empty_object_means_no_turn_server() {
        let unavailable = parse("{}").unwrap().unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::NotConfigured);
    }

    #[test]
    fn an_error_shows_nothing_of_the_file() {
        let error = parse(r#"{"uris":[],"password":["s3cret"]}"#).unwrap_err();
        assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
