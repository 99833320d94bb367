//! The schedule's rules, on arbitrary scripts.
//!
//! For millions: `cargo run -p benches --release --bin soak -- --scripts 1000000`.

use benches::simulator::soak;

#[test]
fn ten_thousand_arbitrary_scripts_break_no_rule() {
    let failed = soak::play(0..10_000);
    let lines: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{} scripts broke a rule:\n{}", failed.len(), lines.join("\n"));
}
