//! Nothing secret in what is logged, even where the libraries beneath trace everything.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing_subscriber::filter::LevelFilter;

use crate::{
    probe_at,
    server::{Respond, udp},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_the_password_nor_its_key_is_traced() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    // It asks for credentials, so that requests are signed.
    let server = udp(Respond::unauthorized("the same")).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    assert_eq!(server.requests_other_than_binding(), 2);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("stun_agent_send_request"), "the libraries trace nothing: {log}");
    for secret in ["s3cret-password", "IntegrityKey", "@alice"] {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!format!("{steps:?}").contains(secret), "{secret} is in a step");
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_password_does_not_get_it_into_a_step() {
    let words = "no more for 1700000000:@alice:a with s3cret-password";
    let server = udp(Respond::refusal(words)).await;
    let steps = probe_at(&format!("turn:{}", server.address)).await;
    let said = format!("{steps:?}");
    assert!(said.contains("no more for"), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("@alice"), "{said}");
}

#[tokio::test]
async fn a_server_that_calls_itself_like_the_password_does_not_get_it_into_a_step() {
    let name = "turn of 1700000000:@alice:a with s3cret-password";
    for scheme in ["turn", "stun"] {
        let server = udp(Respond::named(name)).await;
        let steps = probe_at(&format!("{scheme}:{}", server.address)).await;
        let said = format!("{steps:?}");
        assert!(said.contains("turn of"), "{said}");
        assert!(!said.contains("s3cret") && !said.contains("@alice"), "{said}");
    }
}
