//! What is printed.

use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal, Write},
};

use turn_probe::Text;

use crate::{args::Parsed, examination::Examination, json};

/// Prints all of it to stdout.
pub(crate) fn print(args: &Parsed, examination: &Examination) -> io::Result<()> {
    match args.json {
        true => json(&json::pretty(examination, args.show_secrets)),
        // Takes out the colours where there is no terminal, and honours NO_COLOR.
        false => text(&crate::text::whole(examination, args.show_secrets)),
    }
}

/// Prints a line to stdout. What a server says may be in it, and moves no cursor.
pub(crate) fn line(text: &str) -> io::Result<()> {
    self::text(&format!("{}\n", Text::uncut(text)))
}

/// Prints a JSON document to stdout.
pub(crate) fn json(document: &str) -> io::Result<()> {
    self::text(&format!("{}\n", escaped(document)))
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
        let _ = self::json(&json::failure(&format!("{why:#}")));
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

/// The same document, with each character that could move a cursor or turn the direction of writing as
/// `\uXXXX`: JSON itself escapes only those below U+0020.
fn escaped(document: &str) -> String {
    let mut escaped = String::with_capacity(document.len());
    let harmless = Text::uncut(document);
    for (char, harmless) in document.chars().zip(harmless.as_str().chars()) {
        if char == harmless || char == '\n' {
            escaped.push(char);
        } else {
            let _ = write!(escaped, "\\u{:04x}", u32::from(char));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_escaped_and_means_the_same() {
        let evil = "\u{1b}[2J \u{7f}\u{9b}2J \u{202e}\u{2066} ü\n😀\u{fffd}";
        let document = serde_json::json!({ "a": evil });
        let escaped = escaped(&serde_json::to_string_pretty(&document).unwrap());
        assert!(escaped.contains(r"\u009b2J \u202e\u2066 ü\n😀"), "{escaped}");
        assert!(escaped.lines().all(|line| Text::uncut(line).as_str() == line), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), document);
    }
}
