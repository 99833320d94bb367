//! Does one thing so many times, for `cargo xtask instructions` to count.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]
#![allow(clippy::print_stdout, reason = "for xtask to read")]

mod measured;

use mimalloc::MiMalloc;

/// What glibc's allocator does for a message depends on what was freed before, and differs from run to
/// run by more than the library does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    match &arguments[..] {
        [] => {
            for case in measured::cases().iter().filter(|case| case.times > 0) {
                println!("{}\t{}", case.name, case.times);
            }
        }
        [name, times] => {
            let case = measured::cases().into_iter().find(|case| case.name == *name).unwrap();
            (case.set_up)()(times.parse().unwrap());
        }
        _ => panic!("a case, and how many times"),
    }
}
