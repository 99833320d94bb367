//! From the start of an app to its credentials: `cargo bench -p benches --bench cold_start`.
//!
//! In one run, over the same client with an encrypted SQLite store: `persisted` finds the credentials
//! there, `asked` asks a homeserver on loopback. On a network, one round trip at least is to be added to
//! the second.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use matrix_sdk::{Client, SqliteStoreConfig, store::RoomLoadSettings};
use matrix_sdk_turn::{ClientStore, HomeserverSource, TurnService};
use tests::homeserver::{Homeserver, session, turn_servers};
use tokio::runtime::{Builder, Runtime};

fn cold_start(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let homeserver = runtime.block_on(Homeserver::start());
    runtime.block_on(homeserver.answer_turn_servers(turn_servers("alice", 86_400)));
    let client = runtime.block_on(client(&homeserver, directory.path()));
    let persisted = || {
        TurnService::builder(HomeserverSource::new(&client))
            .persist(ClientStore::new(&client))
            .build()
    };
    let asked = || TurnService::new(&client);

    // Until there is something to find: it is written in the background.
    while requests_of(&runtime, persisted()) > 0 {}

    let mut group = criterion.benchmark_group("cold start");
    group.bench_function("persisted", |bencher| {
        bencher.iter_batched(persisted, |turn| get(&runtime, turn), BatchSize::PerIteration);
    });
    group.bench_function("asked", |bencher| {
        bencher.iter_batched(asked, |turn| get(&runtime, turn), BatchSize::PerIteration);
    });
    group.finish();
    runtime.block_on(async { drop((client, homeserver)) });
}

fn get(runtime: &Runtime, turn: TurnService) -> TurnService {
    runtime.block_on(turn.get()).unwrap();
    turn
}

/// How many requests it took this service to have credentials.
fn requests_of(runtime: &Runtime, turn: TurnService) -> u64 {
    get(runtime, turn).status().requests
}

async fn client(homeserver: &Homeserver, directory: &std::path::Path) -> Client {
    let config = SqliteStoreConfig::new(directory).key(Some(&[7; 32]));
    let client = Client::builder()
        .homeserver_url(homeserver.server.uri())
        .sqlite_store_with_config_and_cache_path(config, None::<&str>)
        .build()
        .await
        .unwrap();
    let auth = client.matrix_auth();
    auth.restore_session(session(None), RoomLoadSettings::default()).await.unwrap();
    drop(auth);
    client
}

criterion_group!(benches, cold_start);
criterion_main!(benches);
