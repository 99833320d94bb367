//! A homeserver's answer that somebody saved.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    time::Duration,
};

use anyhow::{Context, anyhow};
use matrix_sdk_turn::TurnServer;
use serde::Deserialize;

/// The longest file that is read. A homeserver's answer has a few hundred bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The credentials in a file, `-` for stdin, and for how long they held.
pub(crate) fn read(file: &Path) -> anyhow::Result<(TurnServer, Duration)> {
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

pub(crate) fn parse(text: &str) -> anyhow::Result<(TurnServer, Duration)> {
    // The parser's own error would show a part of the text, which holds a password.
    let saved: Saved = serde_json::from_str(text).map_err(|error| {
        anyhow!(
            "it takes the JSON of /voip/turnServer, and line {} has another shape",
            error.line()
        )
    })?;
    let server = TurnServer::new(saved.uris, saved.username, saved.password);
    Ok((server, Duration::from_secs(saved.ttl)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_synapse_sends_it() {
        let text =
            r#"{"username":"1:a","password":"p","ttl":3600,"uris":["turn:a?transport=udp"]}"#;
        let (server, ttl) = parse(text).unwrap();
        assert_eq!(server.uris(), ["turn:a?transport=udp"]);
        assert_eq!(ttl, Duration::from_secs(3600));
    }

    #[test]
    fn an_empty_object_is_an_answer_without_servers() {
        let (server, ttl) = parse("{}").unwrap();
        assert_eq!((server.uris(), ttl), (&[][..], Duration::ZERO));
    }

    #[test]
    fn an_error_shows_nothing_of_the_file() {
        let error = parse(r#"{"uris":[],"password":["s3cret"]}"#).unwrap_err();
        assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
    }
}
