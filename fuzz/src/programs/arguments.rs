//! The command lines of the demo and the doctor.

use turn_doctor::fuzzing::refusal;

use super::{demo_args, inputs::assert_only_hosts};
use crate::secret::MARK;

/// An input is the name of a program and its arguments, a line each.
pub fn arguments(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let arguments: Vec<&str> = text.split('\n').collect();
    // clap leaves control characters out of what it shows, which can put the two halves of a secret
    // together.
    if arguments.iter().any(|argument| argument.contains(char::is_control)) {
        return;
    }
    let error = match arguments.first() {
        Some(&"turn-demo") => demo_args::Args::parse_from_flags(&arguments)
            .err()
            .filter(|error| error.use_stderr())
            .map(|error| demo_args::one_line(&error)),
        Some(&"turn-doctor") => refusal(&arguments),
        _ => return,
    };
    if let Some(error) = error {
        assert!(error.starts_with("error: ") && !error.contains('\n'), "{error}");
        if !may_be_shown(&arguments) {
            assert_only_hosts(&error);
        }
    }
}

/// Whether a secret is anywhere but in a URL, where users put passwords by mistake.
fn may_be_shown(arguments: &[&str]) -> bool {
    let before = |place: usize| place.checked_sub(1).map(|before| arguments[before]);
    arguments.iter().enumerate().any(|(place, argument)| {
        let is_url = before(place).is_some_and(|flag| ["--uri", "--homeserver"].contains(&flag))
            && !argument.starts_with('-');
        argument.contains(MARK) && !is_url
    })
}
