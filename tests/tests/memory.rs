//! What held a password or a username is wiped: all of the process's memory is searched for them, freed
//! memory as well.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::{self, File},
    hint::black_box,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use matrix_sdk_turn::{
    Answer, StoreError, TurnServer, TurnServerCapability, TurnServerSource, TurnServerStore,
    TurnService, Unavailable, UnavailableReason,
};
use tests::{
    homeserver::Homeserver,
    widget::{Provider, TURN, Widget},
};
use tokio::sync::Notify;

const LENGTH: usize = 128;

/// A text with all its bits inverted, so that the search does not find what it is told.
type Hidden = [u8; LENGTH];

const USERNAME: Hidden = hidden(1);
const PASSWORD: Hidden = hidden(2);
const NOT_WIPED: Hidden = hidden(3);

const fn hidden(seed: u32) -> Hidden {
    let mut hidden = [0; LENGTH];
    let (mut index, mut state) = (0, seed);
    while index < LENGTH {
        state = (state * 75 + 74) % 65_537;
        hidden[index] = !(b'a' + (state % 26) as u8);
        index += 1;
    }
    hidden
}

/// Made in one piece, so that no part of it is left behind.
fn text(hidden: &Hidden) -> String {
    let mut text = String::with_capacity(hidden.len());
    text.extend(hidden.map(|byte| char::from(!byte)));
    text
}

fn server(uris: Vec<String>) -> TurnServer {
    TurnServer::new(uris, text(&USERNAME), text(&PASSWORD))
}

/// Hands out the username and the password.
#[derive(Debug)]
struct Source;

#[async_trait]
impl TurnServerSource for Source {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        // So many that a buffer that grows is full when only the password is missing.
        let uris = (3478..3481).map(|port| format!("turn:turn.example.org:{port}?transport=udp"));
        Answer::new(server(uris.collect()), Duration::from_secs(3600))
    }
}

/// A homeserver that is not reached.
#[derive(Debug)]
struct NoAnswer;

#[async_trait]
impl TurnServerSource for NoAnswer {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        Err(Unavailable::new(UnavailableReason::Unreachable))
    }
}

/// Keeps the entry with all its bits inverted.
#[derive(Debug, Default)]
struct InvertedStore {
    entry: Mutex<Option<Vec<u8>>>,
    saved: Notify,
}

#[async_trait]
impl TurnServerStore for InvertedStore {
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.entry.lock().unwrap().as_deref().map(inverted))
    }

    async fn save(&self, entry: &[u8]) -> Result<(), StoreError> {
        *self.entry.lock().unwrap() = Some(inverted(entry));
        self.saved.notify_one();
        Ok(())
    }

    async fn remove(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn inverted(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| !byte).collect()
}

/// How often the text is in the memory of this process, whether anybody owns it or not.
fn found(hidden: &Hidden) -> usize {
    // An allocator writes into the first bytes of what is freed.
    let tail = &hidden[LENGTH / 2..];
    let memory = File::open("/proc/self/mem").unwrap();
    let mut piece = vec![0; 1 << 20];
    // It holds what is searched with all bits inverted, and so the text where `hidden` was.
    let own = piece.as_ptr() as u64..piece.as_ptr() as u64 + piece.len() as u64;
    let mut found = 0;
    for mapping in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let (range, rest) = mapping.split_once(' ').unwrap();
        if !rest.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [mut at, end] = [start, end].map(|number| u64::from_str_radix(number, 16).unwrap());
        while at < end {
            let Ok(read @ 1..) = memory.read_at(&mut piece, at) else { break };
            // What is behind the end of this mapping is read as a part of the next.
            let read = read.min(usize::try_from(end - at).unwrap());
            // At once, or the search would find its own copy.
            piece.iter_mut().for_each(|byte| *byte = !*byte);
            let all = piece[..read].windows(tail.len()).zip(at..);
            found += all.filter(|(it, place)| *it == tail && !own.contains(place)).count();
            // One that lies across the border of two pieces is in the next.
            at += read.saturating_sub(tail.len() - 1).max(1) as u64;
            if read < tail.len() {
                break;
            }
        }
    }
    // Otherwise the next search could find what this one inverted in freed memory.
    piece.fill(0);
    black_box(&piece);
    found
}

/// A widget watches until it is told the credentials. What it is told is the client's to wipe.
async fn watch_once(turn: &TurnService) {
    let homeserver = Homeserver::start().await;
    let capability = TurnServerCapability::new(turn.clone());
    let mut widget = Widget::start(&capability, homeserver.room().await, Provider::Grant);
    widget.negotiate(&[TURN]).await;
    widget.request("watch_turn_servers").await;
    let mut is_told = false;
    while !is_told {
        let message = widget.receive_raw().await;
        is_told = message.contains("update_turn_servers");
        let mut bytes = message.into_bytes();
        bytes.fill(0);
        black_box(bytes);
    }
    drop(widget.handle);
    let _ = widget.driver.await.unwrap();
}

/// All of it in one test, since another one's would be found as well.
#[tokio::test]
async fn the_librarys_copies_of_username_and_password_are_wiped() {
    drop(text(&NOT_WIPED));
    assert_eq!(found(&NOT_WIPED), 1, "freed memory is searched");
    assert_eq!([&USERNAME, &PASSWORD].map(found), [0, 0], "before there is one");
    {
        let _kept = server(vec![]);
        assert_eq!([&USERNAME, &PASSWORD].map(found), [1, 1], "the search finds them");
    }

    let store = Arc::new(InvertedStore::default());
    let turn = TurnService::builder(Source).persist(store.clone()).build();
    let mut states = turn.subscribe();
    let state = states.next().await.unwrap();
    store.saved.notified().await;
    {
        let server = turn.get().await.unwrap();
        let shown = (
            server.to_ice_servers(),
            server.gstreamer_turn_servers(),
            server.libdatachannel_ice_servers(),
            server.turn_endpoints().collect::<Vec<_>>(),
            format!("{server:?} {state:?} {:?}", turn.status()),
        );
        assert!(found(&PASSWORD) > 3 && found(&USERNAME) > 3, "each conversion has them");
        drop(shown);
    }
    watch_once(&turn).await;
    drop((state, states, turn));
    tokio::task::yield_now().await;
    assert_eq!([&USERNAME, &PASSWORD].map(found), [0, 0]);

    let restarted = TurnService::builder(NoAnswer).persist(store).build();
    let restored = restarted.get().await.unwrap();
    assert_eq!([&USERNAME, &PASSWORD].map(found), [1, 1], "what was saved is loaded");
    restarted.end_session();
    drop((restored, restarted));
    tokio::task::yield_now().await;
    assert_eq!([&USERNAME, &PASSWORD].map(found), [0, 0]);
}
