//! A homeserver's answer that was saved, in the forms that people have it in.

use std::{fs, io, path::Path, time::Duration};

use anyhow::{Context, anyhow, bail};
use matrix_sdk_turn::TurnServer;
use serde_json::{Map, Value};
use turn_probe::Text;
use zeroize::Zeroizing;

use crate::{file::read_to_end, uri};

/// The longest file that is read. A homeserver's answer has a few hundred bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Saved {
    pub(crate) server: TurnServer,
    pub(crate) ttl: Duration,
    /// What is wrong with it, although it can be used.
    pub(crate) mistakes: Vec<String>,
}

/// The credentials in a file, `-` for stdin.
pub(crate) fn read(file: &Path) -> anyhow::Result<Saved> {
    let bytes = match file.as_os_str() == "-" {
        true => read_to_end(io::stdin().lock(), MAX_FILE_BYTES),
        false => fs::File::open(file).and_then(|file| read_to_end(file, MAX_FILE_BYTES)),
    };
    let bytes = bytes.with_context(|| format!("{} cannot be read", file.display()))?;
    parse(&bytes).with_context(|| format!("{} is no homeserver's answer", file.display()))
}

pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Saved> {
    let text = decoded(bytes)?;
    let body = without_headers(text.trim());
    if body.is_empty() {
        bail!("it is empty");
    }
    if body.starts_with('<') {
        bail!("it is a web page: a proxy or a web server answered instead of the homeserver");
    }
    read_value(&value(body)?)
}

/// The text, without a byte order mark. PowerShell writes UTF-16.
fn decoded(bytes: &[u8]) -> anyhow::Result<Zeroizing<String>> {
    let utf16 = |unit: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).collect::<Result<String, _>>().ok()
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => utf16(u16::from_be_bytes, rest),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8(rest.to_vec()).ok(),
    };
    text.map(Zeroizing::new).ok_or_else(|| anyhow!("it is not text in UTF-8 or UTF-16"))
}

/// What follows the headers, of a response with headers: `curl -i` writes one block for each response.
fn without_headers(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with("HTTP/") {
        let end = [rest.find("\r\n\r\n").map(|at| at + 4), rest.find("\n\n").map(|at| at + 2)];
        rest = end.into_iter().flatten().min().map_or("", |end| rest[end..].trim_start());
    }
    rest
}

/// JSON or, since people copy from configurations and leave commas behind, YAML. An error shows nothing
/// of the text.
fn value(text: &str) -> anyhow::Result<Value> {
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let options = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Ok(value),
        _ => bail!("it is no JSON: see line {}, column {}", error.line(), error.column()),
    }
}

fn read_value(value: &Value) -> anyhow::Result<Saved> {
    match value {
        Value::Object(fields) if fields.contains_key("errcode") => bail!(error_in_words(fields)),
        Value::Object(fields) => match ["iceServers", "ice_servers"].map(|name| fields.get(name)) {
            [Some(servers), _] | [_, Some(servers)] => ice_servers(servers),
            _ if fields.contains_key("urls") => ice_servers(value),
            _ => read_fields(fields, names(fields)),
        },
        Value::Array(_) => ice_servers(value),
        _ => bail!("it is a single value, and not an object with uris, username and password"),
    }
}

/// The names of URIs, username and password: those of an answer, or those of a configuration where only
/// these are there.
fn names(fields: &Map<String, Value>) -> [&'static str; 3] {
    [("uris", "turn_uris"), ("username", "turn_username"), ("password", "turn_password")].map(
        |(answers, configurations)| match fields.contains_key(configurations) {
            true if !fields.contains_key(answers) => configurations,
            _ => answers,
        },
    )
}

fn error_in_words(fields: &Map<String, Value>) -> String {
    let text = |name| fields.get(name).and_then(Value::as_str).map(Text::new);
    let (code, words) = (text("errcode"), text("error"));
    let advice = match code.as_ref().map(Text::as_str) {
        Some("M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN") => "ask with an access token that is valid",
        Some("M_LIMIT_EXCEEDED") => "ask again later",
        _ => "ask again, and look at the homeserver's log",
    };
    let code = code.map(|code| format!(", {code}")).unwrap_or_default();
    let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
    format!("the homeserver answered an error{code}{words}: {advice}")
}

/// What a browser takes: one server, or several. Credentials are those of the first that has any.
fn ice_servers(value: &Value) -> anyhow::Result<Saved> {
    let servers = match value {
        Value::Array(servers) => servers.as_slice(),
        server => std::slice::from_ref(server),
    };
    let with_username = servers.iter().find(|server| server.get("username").is_some());
    let of = |name: &str| with_username.and_then(|server| server.get(name)).cloned();
    let urls = servers.iter().filter_map(|server| server.get("urls").or(server.get("url")));
    let urls = urls.flat_map(|urls| match urls {
        Value::Array(urls) => urls.clone(),
        url => vec![url.clone()],
    });
    let mut fields = Map::new();
    fields.insert("urls".to_owned(), Value::Array(urls.collect()));
    for name in ["username", "credential"] {
        fields.extend(of(name).map(|value| (name.to_owned(), value)));
    }
    let mut saved = read_fields(&fields, ["urls", "username", "credential"])?;
    let others = servers.iter().filter(|server| {
        server.get("username").is_some() && server.get("username") != of("username").as_ref()
    });
    let others = others.count();
    if others > 0 {
        let what =
            format!("{others} more servers have other usernames, and are tried with the first");
        saved.mistakes.push(what);
    }
    Ok(saved)
}

/// Reads URIs, username and password by these names. What is missing is empty: that is for the diagnosis
/// to say.
fn read_fields(fields: &Map<String, Value>, names: [&str; 3]) -> anyhow::Result<Saved> {
    let mut mistakes = Vec::new();
    let uris = uris(fields.get(names[0]), names[0], &mut mistakes);
    let mut text = |name: &str| match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(_) => {
            mistakes.push(format!("`{name}` is not a text"));
            String::new()
        }
    };
    let (username, password) = (text(names[1]), text(names[2]));
    let ttl = match fields.get("ttl") {
        None | Some(Value::Null) => 0,
        // Synapse sent `86400.0` until 2021. A float that is too large becomes the largest integer.
        Some(ttl) => match ttl.as_u64().or_else(|| ttl.as_f64().map(|secs| secs as u64)) {
            Some(secs) => secs,
            None => {
                mistakes.push("`ttl` is not a number of seconds".to_owned());
                0
            }
        },
    };
    let is_known = |name: &String| names.contains(&name.as_str()) || name == "ttl";
    if !fields.is_empty() && !fields.keys().any(is_known) {
        bail!("it has none of the fields {}", names.map(|name| format!("`{name}`")).join(", "));
    }
    let given = uris.len();
    let wrong = uri::mistakes(uris.iter().map(String::as_str));
    if given > 0 && wrong.len() == given {
        mistakes.extend(wrong);
        bail!("no URI in it can be used: {}", mistakes.join("; "));
    }
    mistakes.extend(wrong);
    let server = TurnServer::new(uris, username, password);
    Ok(Saved { server, ttl: Duration::from_secs(ttl), mistakes })
}

fn uris(value: Option<&Value>, name: &str, mistakes: &mut Vec<String>) -> Vec<String> {
    match value {
        None | Some(Value::Null) => vec![],
        Some(Value::String(uri)) => {
            mistakes.push(format!("`{name}` is a text, and should be a list"));
            vec![uri.clone()]
        }
        Some(Value::Array(values)) => {
            let mut uris = Vec::new();
            for (index, value) in values.iter().enumerate() {
                match value.as_str() {
                    Some(uri) => uris.push(uri.to_owned()),
                    None => mistakes.push(format!("`{name}[{index}]` is not a text")),
                }
            }
            uris
        }
        Some(_) => {
            mistakes.push(format!("`{name}` is not a list"));
            vec![]
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str =
        r#"{"username":"1:a","password":"p","ttl":3600,"uris":["turn:a?transport=udp"]}"#;

    fn read(text: &str) -> Saved {
        parse(text.as_bytes()).unwrap()
    }

    fn error(text: &str) -> String {
        format!("{:#}", parse(text.as_bytes()).unwrap_err())
    }

    fn is_answer(saved: &Saved) -> bool {
        let server = &saved.server;
        server.uris() == ["turn:a?transport=udp"]
            && (server.username(), server.password()) == ("1:a", "p")
    }

    #[test]
    fn an_answer_is_read_as_synapse_sends_it() {
        let saved = read(ANSWER);
        assert!(is_answer(&saved) && saved.mistakes.is_empty());
        assert_eq!(saved.ttl, Duration::from_secs(3600));
    }

    #[test]
    fn a_ttl_may_be_a_float() {
        let saved = read(&ANSWER.replace("3600", "86400.5"));
        assert_eq!((saved.ttl.as_secs(), saved.mistakes.len()), (86_400, 0));
    }

    #[test]
    fn an_empty_object_is_an_answer_without_servers() {
        let saved = read("{}");
        assert_eq!((saved.server.uris(), saved.ttl), (&[][..], Duration::ZERO));
    }

    #[test]
    fn headers_marks_and_commas_do_not_matter() {
        let with_headers = format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 200 \r\ncontent-type: application/json\r\n\r\n{ANSWER}"
        );
        let with_comma = ANSWER.replace("\"]}", "\",],\n}");
        for text in [with_headers, with_comma, format!("\u{feff}{ANSWER}"), format!("\n{ANSWER}\n")]
        {
            assert!(is_answer(&read(&text)), "{text}");
        }
        let utf16 = ANSWER.encode_utf16().flat_map(u16::to_le_bytes);
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16).collect();
        assert!(is_answer(&parse(&utf16).unwrap()));
    }

    #[test]
    fn ice_servers_are_read() {
        let server = r#"{"urls":"turn:a?transport=udp","username":"1:a","credential":"p"}"#;
        for text in [
            server.to_owned(),
            format!("[{server}]"),
            format!(r#"{{"iceServers":[{server}]}}"#),
            format!(r#"{{"iceServers":{server}}}"#),
        ] {
            assert!(is_answer(&read(&text)), "{text}");
        }
        let two =
            format!(r#"[{server},{{"urls":["stun:b"]}},{{"urls":"turn:c","username":"2:b"}}]"#);
        let saved = read(&two);
        assert_eq!(saved.server.uris(), ["turn:a?transport=udp", "stun:b", "turn:c"]);
        assert_eq!(saved.mistakes.len(), 1, "{:?}", saved.mistakes);
    }

    #[test]
    fn the_answer_of_a_provider_of_turn_servers_is_read() {
        let twilio = r#"{"ice_servers":[{"url":"stun:b","urls":"stun:b"},
            {"urls":"turn:a?transport=udp","username":"1:a","credential":"p"}],"ttl":"86400"}"#;
        let server = read(twilio).server;
        assert_eq!(server.uris(), ["stun:b", "turn:a?transport=udp"]);
        assert_eq!((server.username(), server.password()), ("1:a", "p"));
    }

    #[test]
    fn names_of_answers_and_configurations_may_be_mixed() {
        let mixed = ANSWER.replace("\"uris\"", "\"turn_uris\"");
        assert!(is_answer(&read(&mixed)));
    }

    #[test]
    fn a_part_of_a_configuration_is_read() {
        let yaml =
            "turn_uris: [\"turn:a?transport=udp\"]\nturn_username: \"1:a\"\nturn_password: p\n";
        assert!(is_answer(&read(yaml)));
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_what_it_is() {
        let refused = r#"{"errcode":"M_UNKNOWN_TOKEN","error":"bad \u001b[31mtoken"}"#;
        let said = error(refused);
        assert!(said.contains("M_UNKNOWN_TOKEN") && said.contains("access token"), "{said}");
        assert!(!said.contains('\u{1b}'), "{said}");
        let said = "the homeserver answered an error: ask again, and look at the homeserver's log";
        assert_eq!(error(r#"{"errcode":7}"#), said);
        assert!(error("<!doctype html>").contains("web page"));
        assert!(error("HTTP/1.1 502 Bad Gateway\r\n\r\n<html>").contains("web page"));
        assert!(error(" ").contains("empty"));
        assert!(error("{\"a\": \n\"b\"").contains("line 2"));
        assert!(error("{\"a\": 1}").contains("`uris`"));
    }

    #[test]
    fn each_mistake_names_its_field_or_its_uri() {
        let saved = read(
            r#"{"uris":["turn:a", "turn:b/?transport=udp", "turn://c", 4],"username":7,"ttl":"x"}"#,
        );
        let expected = [
            "`uris[3]` is not a text",
            "`username` is not a text",
            "`ttl` is not a number of seconds",
            "\"turn:b/?transport=udp\" cannot be used: there is a slash before `?`",
            "\"turn://c\" cannot be used: a slash follows its scheme, where the host belongs",
        ];
        assert_eq!(saved.mistakes, expected);
        let said = error(r#"{"uris":["turn:b/?transport=udp", "turn://c"]}"#);
        assert!(said.contains("turn:b") && said.contains("turn://c"), "{said}");
    }

    #[test]
    fn an_error_shows_nothing_of_the_file() {
        for text in [r#"{"uris":["http:a"],"password":["s3cret"]}"#, "{\"password\": \"s3cret\",,}"]
        {
            assert!(!error(text).contains("s3cret"), "{}", error(text));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
