//! What TURN costs a hosted widget, in time: `cargo bench -p benches --bench handle`.
//!
//! With `npm ci` run in `benches/peers`, matrix-widget-api's host is measured beside it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]
#![allow(clippy::print_stdout, reason = "it says what it leaves out")]

#[allow(dead_code, reason = "how often a case is counted is for instructions.rs")]
mod measured;

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};

fn measure(criterion: &mut Criterion) {
    for measured::Case { name, set_up, .. } in measured::cases() {
        let mut run = set_up();
        criterion.bench_function(&name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                run(times);
                start.elapsed()
            });
        });
    }
}

/// CPU time, in a process of its own.
fn measure_peer(criterion: &mut Criterion) {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    if !peers.join("node_modules").exists() {
        println!("cycle/matrix-widget-api is left out: run `npm ci` in benches/peers for it");
        return;
    }
    let of_host = |times: u64| {
        let mut node = Command::new("node");
        let output = node.arg("cycle.mjs").arg(times.to_string()).current_dir(&peers).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Duration::from_nanos(String::from_utf8(output.stdout).unwrap().trim().parse().unwrap())
    };
    criterion.bench_function("cycle/matrix-widget-api", |bencher| bencher.iter_custom(of_host));
}

criterion_group!(benches, measure, measure_peer);
criterion_main!(benches);
