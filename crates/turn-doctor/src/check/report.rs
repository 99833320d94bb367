//! What is wrong, as text and as JSON.

use std::fmt::Write;

use serde::Serialize;
use turn_probe::{Severity, Text};

use super::mistake::{Mistake, Which};
use crate::text::{finding, heading};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    exit_status: u8,
    mistakes: Vec<MistakeJson<'a>>,
}

#[derive(Serialize)]
struct MistakeJson<'a> {
    code: &'static str,
    severity: &'static str,
    file: Which,
    setting: &'static str,
    line: Option<usize>,
    meaning: &'a str,
    advice: &'a str,
}

pub(super) fn json(mistakes: &[Mistake]) -> String {
    let mistakes_json = mistakes.iter().map(|mistake| MistakeJson {
        code: mistake.code,
        severity: mistake.severity.as_str(),
        file: mistake.which,
        setting: mistake.setting,
        line: mistake.line,
        meaning: &mistake.meaning,
        advice: &mistake.advice,
    });
    let exit_status = super::status(mistakes);
    let document = Document { version: 1, exit_status, mistakes: mistakes_json.collect() };
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// A heading, and each mistake with what to change.
pub(super) fn text(mistakes: &[Mistake], is_pair: bool) -> String {
    let mut text =
        heading(&summary(mistakes, is_pair), mistakes.first().map(|worst| worst.severity));
    for (number, mistake) in mistakes.iter().enumerate() {
        let meaning = format!("{}: {}", place(mistake), Text::uncut(&mistake.meaning));
        let _ = write!(
            text,
            "\n{}",
            finding(number + 1, mistake.severity, &meaning, Text::uncut(&mistake.advice).as_str())
        );
    }
    text
}

fn summary(mistakes: &[Mistake], is_pair: bool) -> String {
    let files = match is_pair {
        true => "turnserver.conf and homeserver.yaml",
        false => "turnserver.conf",
    };
    let count = |severity| mistakes.iter().filter(|mistake| mistake.severity == severity).count();
    let counted = |count, noun| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    match (count(Severity::Problem), count(Severity::Warning)) {
        (0, 0) => format!("Nothing is wrong with {files}."),
        (problems, 0) => format!("{} in {files}.", counted(problems, "problem")),
        (0, warnings) => format!("{} about {files}.", counted(warnings, "warning")),
        (problems, warnings) => format!(
            "{} and {} in {files}.",
            counted(problems, "problem"),
            counted(warnings, "warning")
        ),
    }
}

/// The file, the line and the setting.
fn place(mistake: &Mistake) -> String {
    let file = match mistake.which {
        Which::Coturn => "turnserver.conf",
        Which::Homeserver => "homeserver.yaml",
    };
    match mistake.line {
        Some(line) => format!("{file}:{line} `{}`", mistake.setting),
        None => format!("{file} `{}`", mistake.setting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(meaning: &str) -> Mistake {
        let severity = Severity::Problem;
        Mistake::about(Which::Coturn, "realm", severity, "not_a_number", meaning, "Change it.")
    }

    #[test]
    fn a_mistake_names_the_file_the_line_and_the_setting() {
        let mistake = Mistake { line: Some(7), ..mistake("It is wrong.") };
        let text = anstream::adapter::strip_str(&text(&[mistake], true)).to_string();
        let expected = "1 problem in turnserver.conf and homeserver.yaml.\n\n  \
                        1  turnserver.conf:7 `realm`: It is wrong.\n     → Change it.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_value_moves_no_cursor() {
        let shown = text(&[mistake("no \u{1b}]0;pwned\u{7} number \u{202e}")], false);
        let shown = shown.replace("\u{1b}[", "");
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
    }
}
