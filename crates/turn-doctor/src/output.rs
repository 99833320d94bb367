//! What is printed.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use turn_probe::Text;

use crate::{args::Parsed, examination::Examination, json};

/// Prints all of it to stdout.
pub(crate) fn print(args: &Parsed, examination: &Examination) -> io::Result<()> {
    match args.json {
        true => line(&json::pretty(examination, args.show_secrets)),
        // Takes out the colours where there is no terminal, and honours NO_COLOR.
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
        // The reader that closed it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// What could not be asked, on stderr; with --json on stdout as well.
pub(crate) fn could_not_ask(json: bool, why: &anyhow::Error) {
    if json {
        let _ = line(&json::failure(&format!("{why:#}")));
    }
    if !json || io::stderr().is_terminal() {
        error(format_args!("error: {why:#}"));
    }
}

/// A line on stderr. What a server says may be in it, and moves no cursor.
pub(crate) fn error(what: impl fmt::Display) {
    let what = Text::uncut(&what.to_string());
    // If stderr is closed, there is no other place to say it.
    let _ = writeln!(io::stderr(), "{what}");
}
