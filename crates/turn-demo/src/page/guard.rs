//! Who may talk to the page's servers: a browser that was sent here by the address itself, and not by
//! another page or another name for 127.0.0.1.

use std::net::SocketAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The WebSocket's subprotocol. The token is in a second one: that is the only header a page can add.
pub(super) const PROTOCOL: &str = "turn-demo";

/// Refuses requests for another host. A page elsewhere can have its own name resolved to 127.0.0.1, and
/// would then be of the same origin as what is served here (DNS rebinding); but it cannot choose the
/// `Host` header.
pub(super) async fn require_host(
    State(address): State<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if only(request.headers(), header::HOST) == Some(&address.to_string()) {
        return next.run(request).await;
    }
    let advice = format!("This page is at http://{address}/ and nowhere else.\n");
    (StatusCode::MISDIRECTED_REQUEST, advice).into_response()
}

/// Whether a WebSocket is asked for by the page that this run served: its origin is the page's, and it
/// knows the token.
pub(super) fn is_our_page(headers: &HeaderMap, page: SocketAddr, token: &str) -> bool {
    let origin = only(headers, header::ORIGIN);
    let protocols = only(headers, header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    let told = protocols.split(',').map(str::trim).any(|protocol| is_same(protocol, token));
    origin == Some(&format!("http://{page}")) && told
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Takes as long wherever the two differ.
fn is_same(left: &str, right: &str) -> bool {
    let differences = left.bytes().zip(right.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    left.len() == right.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::HeaderValue;

    use super::*;

    const TOKEN: &str = "only-this-run-knows";

    fn page() -> SocketAddr {
        (Ipv4Addr::LOCALHOST, 8390).into()
    }

    fn asks(origins: &[&'static str], protocol: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_static(origin));
        }
        headers.append(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        is_our_page(&headers, page(), TOKEN)
    }

    #[test]
    fn only_the_page_with_the_token_may_connect() {
        let ours = "http://127.0.0.1:8390";
        assert!(asks(&[ours], "turn-demo, only-this-run-knows"));

        assert!(!asks(&[ours], "turn-demo"));
        assert!(!asks(&[ours], "turn-demo, only-this-run-knew"));
        assert!(!asks(&[ours], "turn-demo, only-this-run-knows-not"));
        for others in [
            &[][..],
            &["null"],
            &["https://127.0.0.1:8390"],
            &["http://127.0.0.1:8391"],
            &["http://localhost:8390"],
            &["http://evil.example"],
            &[ours, "http://evil.example"],
        ] {
            assert!(!asks(others, "turn-demo, only-this-run-knows"), "{others:?}");
        }
    }
}
