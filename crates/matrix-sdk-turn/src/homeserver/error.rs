//! What it means that the homeserver cannot be asked, or answers an error.

use matrix_sdk::{
    HttpError, RefreshTokenError,
    authentication::oauth::{
        OAuthError,
        error::{BasicErrorResponseType, RequestTokenError},
    },
    ruma::api::error::{Error as RumaError, ErrorBody, ErrorKind, RetryAfter, StandardErrorBody},
};

use crate::unavailable::{MatrixError, Unavailable, UnavailableReason};

/// The largest error response that is passed on whole to a widget.
const MAX_ERROR_RESPONSE_BYTES: usize = 4 * 1024;

/// What an error of the SDK's means, in a session that has a refresh token or not.
pub(super) fn classify(error: &HttpError, has_refresh_token: bool) -> Unavailable {
    match error {
        HttpError::Cached(error) => classify(error, has_refresh_token),
        HttpError::RefreshToken(error) => classify_token_refresh(error),
        HttpError::Reqwest(error) => Unavailable::unreachable(describe_transport_error(error)),
        HttpError::Api(_) => match error.as_client_api_error() {
            Some(error) => classify_response(error, has_refresh_token),
            None => Unavailable::unreachable("its answer is not one of the Matrix API's"),
        },
        _ => Unavailable::unreachable("the request could not be made"),
    }
}

/// A request is not made with a token that is known to be invalid. Whether the session is over is
/// for the endpoint that refreshes tokens to say.
fn classify_token_refresh(error: &RefreshTokenError) -> Unavailable {
    let is_over = match error {
        RefreshTokenError::RefreshTokenRequired => {
            return UnavailableReason::SoftLoggedOut.into();
        }
        RefreshTokenError::MatrixAuth(error) => error.as_client_api_error().is_some_and(|error| {
            matches!(error.status_code.as_u16(), 401 | 403)
                && matches!(error.body, ErrorBody::Standard(_))
        }),
        RefreshTokenError::OAuth(error) => matches!(
            &**error,
            OAuthError::RefreshToken(RequestTokenError::ServerResponse(response))
                if *response.error() == BasicErrorResponseType::InvalidGrant
        ),
    };

    if is_over {
        UnavailableReason::LoggedOut.into()
    } else {
        Unavailable::unreachable("the access token has expired and could not be refreshed")
    }
}

/// What an error response means, in a session that has a refresh token or not.
pub(crate) fn classify_response(error: &RumaError, has_refresh_token: bool) -> Unavailable {
    let status = error.status_code.as_u16();
    let ErrorBody::Standard(body) = &error.body else {
        return classify_foreign_response(status);
    };
    let reason = match (status, &body.kind) {
        (429, _) | (_, ErrorKind::LimitExceeded(_)) => UnavailableReason::RateLimited,
        (_, ErrorKind::UnknownToken(token)) if token.soft_logout || has_refresh_token => {
            UnavailableReason::SoftLoggedOut
        }
        (_, ErrorKind::UnknownToken(_) | ErrorKind::UserDeactivated) => {
            UnavailableReason::LoggedOut
        }
        // The request had one: an intermediary stripped it.
        (_, ErrorKind::MissingToken) => UnavailableReason::Unreachable,
        (404 | 405, _) | (_, ErrorKind::Unrecognized) => UnavailableReason::NotConfigured,
        (401 | 403, _) => UnavailableReason::Forbidden,
        _ => UnavailableReason::Unreachable,
    };
    let retry_after = match &body.kind {
        ErrorKind::LimitExceeded(limit) => limit.retry_after.as_ref(),
        _ => None,
    };
    let unavailable = Unavailable::new(reason).with_matrix_error(matrix_error(status, body));
    match retry_after {
        Some(RetryAfter::Delay(delay)) => unavailable.with_retry_after(Some(*delay)),
        Some(RetryAfter::DateTime(date)) => unavailable.with_retry_date(*date),
        None => unavailable,
    }
}

/// An error without a Matrix error comes from a proxy, a firewall or a captive portal. None of them
/// knows what the homeserver has, but each may limit the rate of requests.
fn classify_foreign_response(status: u16) -> Unavailable {
    let reason = match status {
        429 => UnavailableReason::RateLimited,
        _ => UnavailableReason::Unreachable,
    };
    Unavailable::new(reason).with_detail(format!("HTTP status {status}, without a Matrix error"))
}

fn matrix_error(status: u16, body: &StandardErrorBody) -> MatrixError {
    let error = MatrixError::new(status, body.kind.errcode().as_str(), &body.message);
    match serde_json::to_value(body) {
        Ok(response) if response.to_string().len() <= MAX_ERROR_RESPONSE_BYTES => {
            error.with_response(response)
        }
        _ => error,
    }
}

/// What went wrong on the way, without the URL: a redirect may have put anything into it.
fn describe_transport_error(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.is::<std::io::Error>() {
        innermost.to_string()
    } else {
        "the connection failed, timed out, or was redirected too often".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_error_that_the_sdk_kept_means_what_it_meant_at_first() {
        let error = HttpError::RefreshToken(RefreshTokenError::RefreshTokenRequired);
        let kept = HttpError::Cached(Arc::new(error));
        assert_eq!(classify(&kept, false).reason(), UnavailableReason::SoftLoggedOut);
    }
}
