//! Servers that do what coturn cannot be made to do. None of them may hold the probe up, make it grow or
//! make it panic.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod redirections;
mod secrets;
mod server;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use matrix_sdk_turn::TurnServer;
use turn_probe::{Failure, ProbeOptions, Step, StepKind, Stranger, probe};

use crate::server::{Respond, tcp, udp};

/// Short, since some servers use all of it, and enough for a busy machine to answer.
const STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// What a probe may take whose first step fails: that step, and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(10);

/// For servers that answer everything at once, so that it is never used up, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn probe_at(uri: &str) -> Vec<Step> {
    let steps = probe_within(STEP_TIMEOUT, uri);
    tokio::time::timeout(PATIENCE, steps).await.expect("the probe ends by itself")
}

async fn probe_within(limit: Duration, uri: &str) -> Vec<Step> {
    probe_with(ProbeOptions::new().step_timeout(limit).identify_private_addresses(true), uri).await
}

async fn probe_with(options: ProbeOptions, uri: &str) -> Vec<Step> {
    let server = TurnServer::new(vec![uri.to_owned()], "1700000000:@alice:a", "s3cret-password");
    probe(&server, options).collect().await
}

pub(crate) fn failure_of(steps: &[Step], kind: StepKind) -> Option<Failure> {
    steps.iter().find(|step| step.kind == kind)?.failure().cloned()
}

#[tokio::test]
async fn garbage_by_udp_is_told_from_silence() {
    let garbage = udp(Respond::with(|_| vec![b"\xff\xff not STUN at all".to_vec()])).await;
    let steps = probe_at(&format!("turn:{}", garbage.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::NotStun(Stranger::Unknown)));

    let silence = udp(Respond::with(|_| vec![])).await;
    let steps = probe_at(&format!("turn:{}", silence.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert!(matches!(allocate, Some(Failure::Timeout(_))), "{allocate:?}");
}

#[tokio::test]
async fn half_a_message_and_no_more_is_waited_for_no_longer_than_a_step() {
    // The header says that 64 bytes follow.
    let half = tcp(b"\x01\x01\x00\x40\x21\x12\xa4\x42half".to_vec(), 1).await;
    let started = Instant::now();
    let steps = probe_at(&format!("turn:{}?transport=tcp", half.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::NotStun(Stranger::Mute)));
    assert!(started.elapsed() >= STEP_TIMEOUT / 2, "it was not waited for");
}

#[tokio::test]
async fn a_web_server_is_told_by_its_first_words() {
    let web = tcp(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), 1).await;
    let steps = probe_at(&format!("turn:{}?transport=tcp", web.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::NotStun(Stranger::Http)));
}

#[tokio::test]
async fn plain_tcp_where_tls_should_be_is_no_tls() {
    let plain = tcp(b"SSH-2.0-OpenSSH\r\n".to_vec(), 1).await;
    let steps = probe_at(&format!("turns:{}", plain.address)).await;
    let tls = failure_of(&steps, StepKind::Tls);
    assert!(matches!(tls, Some(Failure::Tls(_) | Failure::Closed)), "{tls:?}");
}

#[tokio::test]
async fn a_flood_of_datagrams_ends_the_step() {
    let flood =
        udp(Respond::with(|_| vec![b"\x00\x11\x00\x00\x21\x12\xa4\x42transaction!".to_vec(); 600]))
            .await;
    let steps = probe_at(&format!("turn:{}", flood.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::Flooded));
}

#[tokio::test]
async fn a_flood_of_bytes_ends_the_step() {
    let answers = ANOTHER_ANSWER.repeat(1000);
    for (bytes, expected) in
        [(vec![0; 65_536], Failure::NotStun(Stranger::Unknown)), (answers, Failure::Flooded)]
    {
        let flood = tcp(bytes, 1000).await;
        let steps = probe_at(&format!("turn:{}?transport=tcp", flood.address)).await;
        assert_eq!(failure_of(&steps, StepKind::Allocate), Some(expected));
    }
}

#[tokio::test]
async fn a_server_with_another_nonce_each_time_is_asked_three_times() {
    let server = udp(Respond::unauthorized("another each time")).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert!(matches!(allocate, Some(Failure::Refusal { code: 401, .. })), "{allocate:?}");
    assert_eq!(server.requests_other_than_binding(), 3);
}

/// A Binding success without a mapped address, for another request.
const ANOTHER_ANSWER: &[u8; 20] = b"\x01\x01\x00\x00\x21\x12\xa4\x42transaction!";

#[tokio::test]
async fn an_answer_to_another_request_is_told_from_silence() {
    let server = udp(Respond::with(|_| vec![ANOTHER_ANSWER.to_vec()])).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    assert_eq!(failure_of(&steps, StepKind::Allocate), Some(Failure::WrongTransaction));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_another_address_is_told_from_silence() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, from) = (server.local_addr().unwrap(), other.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut request = [0; 2048];
        while let Ok((_, client)) = server.recv_from(&mut request).await {
            let _ = other.send_to(ANOTHER_ANSWER, client).await;
        }
    });
    for scheme in ["stun", "turn"] {
        let steps = probe_at(&format!("{scheme}:{address}")).await;
        let binding = failure_of(&steps, StepKind::Binding);
        assert_eq!(binding, Some(Failure::AnsweredFrom(from)), "{scheme}");
    }
    serving.abort();
}

#[tokio::test]
async fn an_answer_with_a_wrong_checksum_is_told_from_silence() {
    let mut answer = ANOTHER_ANSWER.to_vec();
    answer[3] = 8;
    answer.extend(b"\x80\x28\x00\x04\xde\xad\xbe\xef");
    let server = udp(Respond::with(move |_| vec![answer.clone()])).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    assert_eq!(failure_of(&steps, StepKind::Allocate), Some(Failure::WrongFingerprint));
}

#[tokio::test]
async fn a_listener_that_wants_the_proxy_protocol_is_identified() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = [0; 256];
            let heard = match stream.read(&mut heard).await {
                Ok(bytes) => &heard[..bytes],
                Err(_) => continue,
            };
            if heard.starts_with(b"PROXY TCP4 ") {
                let _ = stream.write_all(ANOTHER_ANSWER).await;
            }
        }
    });
    let steps = probe_within(LONG, &format!("turn:{address}?transport=tcp")).await;
    serving.abort();
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::NotStun(Stranger::ProxyProtocol)));
}

#[tokio::test]
async fn a_listener_nearby_hears_nothing_but_turn_unless_more_is_allowed() {
    use tokio::io::AsyncReadExt;

    for is_allowed in [false, true] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let said = heard.clone();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = [0; 2048];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                said.lock().unwrap().push(bytes[..read].to_vec());
            }
        });
        for scheme in ["turn", "turns"] {
            let options =
                ProbeOptions::new().step_timeout(LONG).identify_private_addresses(is_allowed);
            probe_with(options, &format!("{scheme}:{address}?transport=tcp")).await;
        }
        serving.abort();
        let heard = heard.lock().unwrap();
        assert!(heard.len() >= 2, "{heard:?}");
        let is_asked = |protocol: &[u8]| heard.iter().any(|bytes| bytes.starts_with(protocol));
        assert_eq!(is_asked(b"GET "), is_allowed);
        assert_eq!(is_asked(b"PROXY "), is_allowed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_web_server_is_identified_if_steps_may_take_long() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 256];
                let bytes = stream.read(&mut heard).await.unwrap_or(0);
                if heard[..bytes].starts_with(b"GET ") {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").await;
                }
            });
        }
    });
    let steps = probe_within(LONG, &format!("turn:{address}?transport=tcp")).await;
    serving.abort();
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::NotStun(Stranger::Http)));
}

#[tokio::test]
async fn turn_without_tls_is_identified_where_tls_was_expected() {
    let plain = tcp(ANOTHER_ANSWER.to_vec(), 1).await;
    let steps = probe_within(LONG, &format!("turns:{}", plain.address)).await;
    assert_eq!(failure_of(&steps, StepKind::Tls), Some(Failure::NotStun(Stranger::PlainStun)));
}

#[tokio::test]
async fn a_success_that_is_not_signed_is_none() {
    let server = udp(Respond::unsigned_success()).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    assert_eq!(failure_of(&steps, StepKind::Allocate), Some(Failure::BadSignature));
}

#[tokio::test]
async fn a_nonce_that_ends_inside_a_character_does_not_panic() {
    let server = udp(Respond::unauthorized("obMatJos2é€é")).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert_eq!(allocate, Some(Failure::NotStun(Stranger::Unknown)));
}

#[tokio::test]
async fn a_nonce_with_the_cookie_and_four_characters_is_taken() {
    let server = udp(Respond::unauthorized("obMatJos2AAAArest")).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    let allocate = failure_of(&steps, StepKind::Allocate);
    assert!(matches!(allocate, Some(Failure::Refusal { code: 401, .. })), "{allocate:?}");
}
