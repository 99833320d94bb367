//! The homeserver's error, or that of whoever answers in its place.

use std::time::Duration;

use http::{Response, StatusCode, header::RETRY_AFTER};
use matrix_sdk_turn::{
    MatrixError, Unavailable,
    UnavailableReason::{
        self, Forbidden, LoggedOut, NotConfigured, RateLimited, SoftLoggedOut, Unreachable,
    },
    fuzzing::interpret_error,
};
use serde_json::value::RawValue;

use crate::fields::Fields;

/// The first line of an input is the status, a space, and a `Retry-After` if there is one; the rest is the
/// body of the response. It is tried with other statuses as well, since mutations seldom find them.
pub fn errors(input: &[u8]) {
    let Some(mut response) = read(input) else { return };
    check(&response);
    for status in [StatusCode::UNAUTHORIZED, StatusCode::NOT_FOUND, StatusCode::TOO_MANY_REQUESTS] {
        *response.status_mut() = status;
        check(&response);
    }
}

fn check(response: &Response<&[u8]>) {
    for has_refresh_token in [true, false] {
        let why = interpret_error(response.clone(), has_refresh_token);
        match why.matrix_error() {
            Some(error) => {
                check_matrix_error(response, error);
                assert_eq!(why.reason(), meaning(response, error, has_refresh_token));
            }
            None => check_foreign(response, &why),
        }
        check_text(&why);
        check_retry_after(response, &why);
    }
}

fn read(input: &[u8]) -> Option<Response<&[u8]>> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let (first, body) = (&input[..end], &input[end + 1..]);
    let (status, retry_after) = first.split_at_checked(3)?;
    let mut response = Response::builder().status(status);
    if let Some(retry_after) = retry_after.strip_prefix(b" ") {
        response = response.header(RETRY_AFTER, retry_after);
    }
    response.body(body).ok()
}

/// It is the one that was answered, and small enough for a widget.
fn check_matrix_error(response: &Response<&[u8]>, error: &MatrixError) {
    let body = Fields::read(response.body()).expect("a Matrix error is an object");
    let text = |name| body.text(name).flatten().expect("a Matrix error has it once");
    assert_eq!(error.status, response.status().as_u16());
    let errcode = match text("errcode") {
        // The one that ruma gives its stable name.
        unstable if unstable == "ORG.MATRIX.MSC4155.INVITE_BLOCKED" => {
            "M_INVITE_BLOCKED".to_owned()
        }
        errcode => errcode,
    };
    check_kept(&error.errcode, &errcode);
    check_kept(&error.message, &text("error"));
    assert!(error.response.to_string().len() <= 8 * 1024);
}

/// All of it, or the first 512 characters.
fn check_kept(kept: &str, said: &str) {
    if kept != said {
        let beginning = kept.strip_suffix('…').expect("a cut is marked");
        assert!(said.starts_with(beginning));
        assert_eq!(beginning.chars().count(), 512);
    }
}

/// S7: what a Matrix error means.
fn meaning(
    response: &Response<&[u8]>,
    error: &MatrixError,
    has_refresh_token: bool,
) -> UnavailableReason {
    let body = Fields::read(response.body());
    let soft_logout = body.and_then(|body| body.last("soft_logout"));
    let may_log_in_again = soft_logout.is_some_and(|value| value.get() == "true");
    match (error.status, error.errcode.as_str()) {
        (429, _) | (_, "M_LIMIT_EXCEEDED") => RateLimited,
        (_, "M_UNKNOWN_TOKEN") if may_log_in_again || has_refresh_token => SoftLoggedOut,
        (_, "M_UNKNOWN_TOKEN" | "M_USER_DEACTIVATED") => LoggedOut,
        (_, "M_MISSING_TOKEN") => Unreachable,
        (404 | 405, _) | (_, "M_UNRECOGNIZED") => NotConfigured,
        (401 | 403, _) => Forbidden,
        _ => Unreachable,
    }
}

/// Whoever does not speak Matrix has no say but in how often to ask, and nobody is taken for one who does.
fn check_foreign(response: &Response<&[u8]>, why: &Unavailable) {
    let is_limit = response.status().as_u16() == 429;
    assert_eq!(why.reason(), if is_limit { RateLimited } else { Unreachable });

    assert!(!is_plain(response.body()), "a Matrix error was not recognized");
}

/// Whether a body is a Matrix error of those that mean something, with nothing in it that somebody could
/// stumble over.
fn is_plain(body: &[u8]) -> bool {
    const MEANT: [&str; 8] = [
        "M_FORBIDDEN",
        "M_LIMIT_EXCEEDED",
        "M_MISSING_TOKEN",
        "M_NOT_FOUND",
        "M_UNKNOWN",
        "M_UNKNOWN_TOKEN",
        "M_UNRECOGNIZED",
        "M_USER_DEACTIVATED",
    ];
    const MAX_INTEGER: u64 = (1 << 53) - 1;

    let Some(body) = Fields::read(body) else { return false };
    let value = |name| body.get(name).flatten().map(RawValue::get);
    let is_milliseconds =
        |value: &str| value.parse().is_ok_and(|milliseconds: u64| milliseconds <= MAX_INTEGER);
    let further = [
        value("soft_logout").map(|value| matches!(value, "true" | "false")),
        value("retry_after_ms").map(is_milliseconds),
    ];
    let further: Vec<_> = further.into_iter().flatten().collect();
    let errcode = body.text("errcode").flatten();
    errcode.is_some_and(|errcode| MEANT.contains(&errcode.as_str()))
        && body.text("error").flatten().is_some()
        && further.iter().all(|is_valid| *is_valid)
        && body.len() == 2 + further.len()
}

/// One line, of a length that a log can take.
fn check_text(why: &Unavailable) {
    let text = why.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.len() <= 16 * 1024);
}

/// It is what the homeserver said: in seconds in the header, or else in milliseconds in the body.
fn check_retry_after(response: &Response<&[u8]>, why: &Unavailable) {
    let header =
        response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap_or_default());
    let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: Option<u64> = header.filter(is_number).and_then(|text| text.parse().ok());
    let milliseconds = Fields::read(response.body())
        .and_then(|body| body.last("retry_after_ms"))
        .filter(|_| header.is_none())
        .and_then(|value| value.get().parse().ok());
    let said = seconds.map(Duration::from_secs).or(milliseconds.map(Duration::from_millis));
    // S5: zero names no time.
    let said = said.filter(|said| !said.is_zero());

    let is_limit = why.matrix_error().is_some_and(|error| error.errcode == "M_LIMIT_EXCEEDED");
    let is_number_or_nothing = header.is_none() || seconds.is_some();
    if !is_limit {
        assert_eq!(why.retry_after(), None);
    } else if is_number_or_nothing {
        assert_eq!(why.retry_after(), said);
    }
}
