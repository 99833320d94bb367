//! A thousand widgets of one account at a homeserver that flaps, on several threads and two runtimes,
//! through a day: `cargo bench -p benches --bench widgets`. At the end nothing may be left of it.
//!
//! The day goes by in jumps of the wall clock, as on a machine that sleeps, and two minutes of real time.
//! The heap is compared with that after another such day.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]
#![allow(clippy::print_stdout, reason = "it is a report")]

mod soaked;

use std::{alloc::System, thread, time::Duration};

use clap::Parser;
use matrix_sdk::Room;
use matrix_sdk_turn::{RefreshPolicy, TurnServerCapability, TurnService};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tests::{clock::HandMovedClock, homeserver::Homeserver};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use self::soaked::{Counts, FlappingSource, Life};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the wall clock jumps.
const JUMPS: u32 = 100;

/// The SDK works off what a widget sent before its handle was dropped, for at most 10 s.
const TO_END: Duration = Duration::from_secs(15);

/// What allocators, runtimes and tracing keep for the next time.
const HEAP_TOLERANCE: isize = 4 * 1024;

#[derive(Parser)]
struct Arguments {
    /// How long it takes, in seconds of real time.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// How many widgets there are at any time.
    #[arg(long, default_value_t = 1_000)]
    widgets: u64,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is left when everything was dropped.
#[derive(Debug, Default, PartialEq, Eq)]
struct Left {
    tasks: usize,
    subscribers: usize,
    requests_in_flight: usize,
    services: usize,
}

/// The client: two runtimes, and a room.
struct Client {
    app: Runtime,
    calls: Runtime,
    room: Room,
}

fn main() {
    let Arguments { seconds, widgets, .. } = Arguments::parse();
    let runtime = || Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = Client { app: runtime(), calls: runtime(), room: room() };

    // What is allocated once is there after the first day.
    let day = || live(&client, widgets, Duration::from_secs(seconds));
    day();
    let region = Region::new(ALLOCATOR);
    let (counts, left) = day();
    let change = region.change();
    let heap = change.bytes_allocated.wrapping_sub(change.bytes_deallocated).cast_signed();

    println!("{widgets} widgets, a day in {seconds} s:\n{counts}");
    println!("left: {left:?}, and {heap:+} bytes of heap");
    assert_eq!(left, Left::default());
    assert!(heap.abs() < HEAP_TOLERANCE, "the heap is not as it was: {heap:+} bytes");
}

/// A room on a homeserver that is gone. The widgets need none, and its connections would be closed, and
/// freed, whenever they have been idle for long enough.
fn room() -> Room {
    let connections = Builder::new_multi_thread().enable_all().build().unwrap();
    connections.block_on(async { Homeserver::start().await.room().await })
}

fn live(client: &Client, widgets: u64, lasting: Duration) -> (Counts, Left) {
    let Client { app, calls, room } = client;
    let clock = app.block_on(async { HandMovedClock::start() });
    let source = FlappingSource::default();
    let in_flight = source.in_flight.clone();
    let counts = Counts::default();
    let turn = TurnService::builder(source)
        .clock(clock.clone())
        .policy(RefreshPolicy::builder().floor(Duration::from_secs(1)).build().unwrap())
        .runtime(app.handle().clone())
        .build();
    let until = Instant::now() + lasting;
    for seed in 0..widgets {
        let life = Life::new(seed, TurnServerCapability::new(turn.clone()), room.clone(), &counts);
        let runtime = if seed % 2 == 0 { app } else { calls };
        runtime.spawn(life.live(until));
    }
    for _ in 0..JUMPS {
        thread::sleep(lasting / JUMPS);
        clock.sleep(DAY / JUMPS);
        turn.refresh();
    }

    let ended = Instant::now();
    let tasks = || [app, calls].map(|runtime| runtime.metrics().num_alive_tasks()).iter().sum();
    let look = || Left {
        tasks: tasks(),
        subscribers: turn.status().subscribers,
        requests_in_flight: in_flight.load(std::sync::atomic::Ordering::SeqCst),
        services: 0,
    };
    while look() != Left::default() && ended.elapsed() < TO_END {
        thread::sleep(Duration::from_millis(10));
    }
    let requests = turn.status().requests;
    let mut left = look();
    drop(turn);
    left.services = std::sync::Arc::strong_count(&in_flight) - 1;
    (counts.with_requests(requests), left)
}
