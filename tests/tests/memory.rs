//! What held a password is wiped: all of the process's memory is searched for it, freed memory as well.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    time::Duration,
};

use async_trait::async_trait;
use matrix_sdk_turn::{
    Answer, StoreError, TurnServer, TurnServerSource, TurnServerStore, TurnService, Unavailable,
};
use tokio::sync::Notify;

const LENGTH: usize = 128;

/// The password with all its bits inverted, so that the search does not find what it is told.
const HIDDEN: [u8; LENGTH] = hidden();

const fn hidden() -> [u8; LENGTH] {
    let mut hidden = [0; LENGTH];
    let (mut index, mut state) = (0, 1_u32);
    while index < LENGTH {
        state = (state * 75 + 74) % 65_537;
        hidden[index] = !(b'a' + (state % 26) as u8);
        index += 1;
    }
    hidden
}

/// What is searched for: an allocator writes into the first bytes of what is freed.
const TAIL: &[u8] = HIDDEN.split_at(LENGTH / 2).1;

/// Made in one piece, so that no part of it is left behind.
fn password() -> String {
    let mut password = String::with_capacity(HIDDEN.len());
    password.extend(HIDDEN.map(|byte| char::from(!byte)));
    password
}

/// Hands out the password, and puts an end to it when told to.
#[derive(Debug)]
struct Source;

#[async_trait]
impl TurnServerSource for Source {
    async fn fetch(&self) -> Result<Answer, Unavailable> {
        let uris = vec!["turn:turn.example.org?transport=udp".to_owned()];
        Answer::new(TurnServer::new(uris, "alice", password()), Duration::from_secs(3600))
    }
}

/// Writes the entry somewhere else.
#[derive(Debug, Default)]
struct ElsewhereStore(Notify);

#[async_trait]
impl TurnServerStore for ElsewhereStore {
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    async fn save(&self, entry: &[u8]) -> Result<(), StoreError> {
        assert_ne!(entry, b"");
        self.0.notify_one();
        Ok(())
    }

    async fn remove(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// How often the password is in the memory of this process, whether anybody owns it or not.
fn found() -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    let mut piece = vec![0; 1 << 20];
    // It holds what is searched with all bits inverted, and so the password where `HIDDEN` was.
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
            let all = piece[..read].windows(TAIL.len()).zip(at..);
            found += all.filter(|(it, place)| *it == TAIL && !own.contains(place)).count();
            // One that lies across the border of two pieces is in the next.
            at += read.saturating_sub(TAIL.len() - 1).max(1) as u64;
            if read < TAIL.len() {
                break;
            }
        }
    }
    found
}

/// All of it in one test, since another one's password would be found as well.
#[tokio::test]
async fn a_password_is_wiped_wherever_it_was() {
    assert_eq!(found(), 0, "before there is one");
    {
        let _kept = TurnServer::new(vec![], "alice", password());
        assert_eq!(found(), 1, "the search finds it");
    }
    let store = std::sync::Arc::new(ElsewhereStore::default());
    let turn = TurnService::builder(Source).persist(store.clone()).build();
    let mut states = turn.subscribe();
    let state = states.next().await.unwrap();
    store.0.notified().await;
    {
        let server = turn.get().await.unwrap();
        let shown = (
            server.to_ice_servers(),
            server.gstreamer_turn_servers(),
            server.libdatachannel_ice_servers(),
            server.turn_endpoints().collect::<Vec<_>>(),
            format!("{server:?} {state:?} {:?}", turn.status()),
        );
        assert!(found() > 3, "each conversion has it");
        drop(shown);
    }
    turn.end_session();
    drop((state, states, turn));
    tokio::task::yield_now().await;
    assert_eq!(found(), 0);
}
