//! What is printed, and the exit status.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use turn_probe::{Diagnosis, Text, Verdict};

use crate::{args::Parsed, examination::Examination, json};

/// The exit status if nothing was found out.
pub(crate) const COULD_NOT_ASK: u8 = 3;

/// The exit status of an examination.
pub(crate) fn status(diagnosis: &Diagnosis) -> u8 {
    match diagnosis.verdict {
        Verdict::AllRelay => 0,
        Verdict::SomeRelay => 1,
        Verdict::NoneRelays => 2,
    }
}

/// Prints all of it to stdout.
pub(crate) fn print(args: &Parsed, examination: &Examination) -> io::Result<()> {
    match args.json {
        true => line(&json::pretty(examination, args.show_secrets)),
        // Takes out the colours if nobody sees them, and honours NO_COLOR.
        false => text(&crate::text::whole(examination, args.show_secrets)),
    }
}

/// Prints a line to stdout.
pub(crate) fn line(text: &str) -> io::Result<()> {
    self::text(&format!("{text}\n"))
}

/// Prints a text to stdout.
pub(crate) fn text(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever closed it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// What could not be asked, on stderr; and on stdout, for whoever reads JSON there.
pub(crate) fn could_not_ask(json: bool, why: &anyhow::Error) {
    if json {
        let _ = line(&crate::json::failure(&format!("{why:#}")));
    }
    if !json || io::stderr().is_terminal() {
        error(format_args!("error: {why:#}"));
    }
}

/// A line on stderr. What a server says may be in it, and moves no cursor.
pub(crate) fn error(what: impl fmt::Display) {
    let what = Text::uncut(&what.to_string());
    // If stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{what}");
}
