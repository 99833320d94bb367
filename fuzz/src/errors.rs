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
    assert_eq!(error.errcode, text("errcode"));
    let message = text("error");
    let kept = error.message.strip_suffix('…').filter(|_| error.message != message);
    assert!(message.starts_with(kept.unwrap_or(&message)));
    assert!(kept.is_none_or(|kept| kept.chars().count() == 512));
    assert!(error.response.to_string().len() <= 8 * 1024);
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

    let Some(body) = Fields::read(response.body()) else { return };
    let text = |name| body.text(name).flatten();
    let has_message = text("error").is_some();
    let errcode = text("errcode").filter(|_| has_message && body.len() == 2);
    assert!(
        !errcode.is_some_and(|errcode| matches!(
            errcode.as_str(),
            "M_FORBIDDEN"
                | "M_LIMIT_EXCEEDED"
                | "M_MISSING_TOKEN"
                | "M_NOT_FOUND"
                | "M_UNKNOWN"
                | "M_UNKNOWN_TOKEN"
                | "M_UNRECOGNIZED"
                | "M_USER_DEACTIVATED"
        )),
        "a Matrix error was not recognized"
    );
}

/// One line, of a length that a log can take.
fn check_text(why: &Unavailable) {
    let text = why.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.len() <= 16 * 1024);
}

/// It is what the homeserver said: in seconds in the header, or else in milliseconds in the body.
fn check_retry_after(response: &Response<&[u8]>, why: &Unavailable) {
    let Some(retry_after) = why.retry_after() else { return };
    assert_eq!(why.reason(), RateLimited);
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(seconds) = header.filter(is_number).and_then(|text| text.parse().ok()) {
        assert_eq!(retry_after, Duration::from_secs(seconds));
    } else if header.is_none() {
        let body = Fields::read(response.body()).expect("a Matrix error is an object");
        let said = body.last("retry_after_ms").expect("it comes from there").get();
        let milliseconds = said.parse().expect("it is a number");
        assert_eq!(retry_after, Duration::from_millis(milliseconds));
    }
}
