//! The homeserver as a source, over HTTP: every row of the table of answers, and what a broken or
//! hostile homeserver may send.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod errors;
mod requests;

use std::time::Duration;

use matrix_sdk_turn::{
    Answer, HomeserverSource, Timestamp, TurnServerSource, TurnService, Unavailable,
    UnavailableReason,
};
use serde_json::{Value, json};
use tests::{
    homeserver::{Homeserver, matrix_error, turn_servers},
    log::Log,
};
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{method, path},
};

/// One request to a homeserver that answers like this. It must not be retried.
async fn fetch(response: ResponseTemplate) -> Result<Answer, Unavailable> {
    let homeserver = Homeserver::start().await;
    homeserver.answer_turn_servers(response).await;
    let answer = HomeserverSource::new(&homeserver.client).fetch().await;
    assert_eq!(homeserver.turn_server_requests().await, 1, "one request is one attempt");
    answer
}

async fn reason(response: ResponseTemplate) -> UnavailableReason {
    fetch(response).await.unwrap_err().reason()
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}
