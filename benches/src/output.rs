//! What the programs print, and how they end.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use textwrap::{Options, WordSplitter};

/// How wide whatever the programs print is at most.
pub const WIDTH: usize = 80;

const NO_BREAK: char = '\u{a0}';

/// Sentences, in lines.
pub fn paragraph(sentences: &str) -> String {
    fill(sentences, Options::new(WIDTH))
}

/// What the figures say, for whoever reads nothing else.
pub fn findings(findings: impl IntoIterator<Item = String>) -> String {
    let options = Options::new(WIDTH).initial_indent("- ").subsequent_indent("  ");
    let items = findings.into_iter().map(|finding| fill(&finding, options.clone()));
    format!("What the figures say:\n\n{}", items.collect::<String>())
}

fn fill(sentences: &str, options: Options<'_>) -> String {
    let options = options.word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::fill(&with_units_kept(sentences), options);
    format!("{}\n", lines.replace(NO_BREAK, " "))
}

/// A number and its unit in one line.
fn with_units_kept(sentences: &str) -> String {
    let is_unit = |word: &str| ["s", "min", "h"].contains(&word.trim_end_matches(['.', ',', ';']));
    let mut words = sentences.split(' ');
    let mut kept = words.next().unwrap_or_default().to_owned();
    for word in words {
        kept.push(if is_unit(word) { NO_BREAK } else { ' ' });
        kept.push_str(word);
    }
    kept
}

/// Prints to stdout.
///
/// # Errors
///
/// If it cannot be written. That nobody reads it any more is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever closed it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("cannot write to stdout"),
    }
}

/// The program's exit status. Says on stderr what went wrong.
pub fn end(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        // If stderr is closed, there is nobody to tell.
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_before_a_number_rather_than_before_its_unit() {
        let lines = paragraph(&format!("{} 5 min, then 3 s.", "-".repeat(WIDTH - 4)));
        assert_eq!(lines.lines().last(), Some("5 min, then 3 s."));
    }

    #[test]
    fn a_name_with_hyphens_stays_whole() {
        let lines = paragraph(&format!("{} matrix-sdk-turn", "-".repeat(WIDTH - 8)));
        assert_eq!(lines.lines().last(), Some("matrix-sdk-turn"));
    }
}
