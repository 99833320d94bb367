//! A file of the doctor's, a message of the page's, and who may connect to the demo.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use matrix_sdk_turn::TurnServer;
use serde::Deserialize;
use serde_json::Value;

use turn_doctor::fuzzing::saved;

use super::{from_page::FromPage, guard::is_our_page};
use crate::secret::{MARK, assert_none_in};

/// An input is `file`, `page` or `headers`, a line break, and what it is to read.
pub fn inputs(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.split_once('\n') {
        Some(("file", text)) => check_file(text),
        Some(("page", text)) => check_page(text),
        Some(("headers", text)) => check_headers(text),
        _ => {}
    }
}

/// An answer as the specification has it is read as that. What is printed shows nothing of a username or a
/// password; it names URIs without a user, and repeats what the homeserver says of an error.
fn check_file(text: &str) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written<'a> {
        #[serde(default)]
        uris: Vec<String>,
        #[serde(borrow, default)]
        username: Cow<'a, str>,
        #[serde(borrow, default)]
        password: Cow<'a, str>,
        #[serde(default)]
        ttl: u64,
    }

    // serde takes a list for a struct.
    let is_object = text.trim_start().starts_with('{');
    let written = serde_json::from_str::<Written<'_>>(text).ok().filter(|_| is_object);
    let saved = saved(text.as_bytes());
    let printed = match &saved {
        Ok((_, _, mistakes)) => mistakes.join("; "),
        Err(error) => error.clone(),
    };
    // The words of the check below could be those of a URI.
    if !printed.contains("answered an error") && !text.contains("cannot be used") {
        assert_only_hosts(&printed);
    }
    match (saved, written) {
        (Ok((server, ttl, _)), Some(written)) => {
            let expected = TurnServer::new(written.uris, written.username, written.password);
            assert_eq!((server, ttl), (expected, Duration::from_secs(written.ttl)));
        }
        (Err(error), Some(written)) => {
            let is_usable = !TurnServer::new(written.uris.clone(), "", "").uris().is_empty();
            assert!(!is_usable && !written.uris.is_empty(), "{error}");
        }
        _ => {}
    }
}

/// Fails if a text that people may read has a secret in it anywhere but in the host of a URI that cannot be used.
pub(super) fn assert_only_hosts(shown: &str) {
    const END: &str = "\" cannot be used: ";

    let shown = format!(" {shown}");
    let (names, rest) = shown.rsplit_once(END).unwrap_or(("", &shown));
    assert_none_in(rest);
    for name in names.split(END).filter(|name| !name.is_empty()) {
        // A quote inside of a name has a backslash before it.
        let (before, name) = name.rsplit_once(" \"").unwrap_or((name, ""));
        assert_none_in(before);
        let before = name.split(MARK).next().unwrap_or_default();
        let is_host =
            before.matches(':').count() <= 1 && !before.contains('?') && !name.contains('@');
        assert!(is_host || !name.contains(MARK), "it shows a secret: {name}");
    }
}

/// What a widget posted is what is sent on.
fn check_page(text: &str) {
    let Ok(FromPage::Message { message, .. }) = serde_json::from_str(text) else { return };
    let written: Value = serde_json::from_str(text).expect("it was read");
    assert_eq!((&written["type"], &written["message"]), (&"message".into(), &message));
}

/// A browser connects if it is at our page, and the page knows the token.
fn check_headers(text: &str) {
    const TOKEN: &str = "only-this-run-knows";
    const ORIGIN: &str = "http://127.0.0.1:8390";

    let mut headers = HeaderMap::new();
    for (name, value) in text.split('\n').filter_map(|line| line.split_once(": ")) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let values = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let origins = headers.get_all(header::ORIGIN).iter().count();
    let is_at_our_page = origins == 1 && values(header::ORIGIN).eq([ORIGIN]);
    let knows_the_token = values(header::SEC_WEBSOCKET_PROTOCOL)
        .any(|protocols| protocols.split(',').any(|protocol| protocol.trim() == TOKEN));
    let page = SocketAddr::from(([127, 0, 0, 1], 8390));
    let may_connect = is_our_page(&headers, page, TOKEN);
    assert!(!may_connect || (is_at_our_page && knows_the_token), "{headers:?}");
    let are_protocols_single = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().count() == 1;
    if is_at_our_page && knows_the_token && are_protocols_single {
        let all_ascii = headers[header::SEC_WEBSOCKET_PROTOCOL].to_str().is_ok();
        assert!(may_connect || !all_ascii, "{headers:?}");
    }
}
