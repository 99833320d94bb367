//! Why do calls not connect? Tries a homeserver's TURN servers for real, and names what to change.
//! `turn-doctor --help` says how; docs/turn-doctor.md has all of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    turn_doctor::main()
}
