//! The life of a real client around the library: objects that are dropped on any thread, runtimes
//! that end, sessions that begin and end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod day;
mod destructors;
mod persistence;
mod runtimes;
mod sessions;
mod sharing;
mod stores;

/// Runs this on a thread outside of tokio.
fn on_a_bare_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(run).join().expect("nothing panics")
}
