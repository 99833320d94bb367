//! An examination as text, for a terminal of 80 columns.

use std::fmt::Write;

use textwrap::Options;
use turn_probe::{Severity, Text};

use crate::{
    examination::Examination,
    style::{DIM, GOOD, style_of_severity, style_of_verdict, verdict},
    table,
};

/// What fits everywhere.
const COLUMNS: usize = 80;

/// All of it: the verdict, the table, and the findings.
pub(crate) fn whole(examination: &Examination, show_secrets: bool) -> String {
    let diagnosis = &examination.diagnosis;
    let style = style_of_verdict(diagnosis);
    let mut text = format!("{style}{}{style:#}\n", verdict(diagnosis));
    let _ = writeln!(text, "{DIM}{}{DIM:#}", examination.headline());
    if show_secrets && let Some(credentials) = &examination.credentials {
        let server = &credentials.server;
        let [username, password] = [server.username(), server.password()].map(Text::uncut);
        let _ = writeln!(text, "username {username}\npassword {password}");
    }
    if !diagnosis.routes.is_empty() {
        let _ = write!(text, "\n{}", table::table(diagnosis));
    }
    for (number, finding) in diagnosis.findings.iter().enumerate() {
        let (severity, said) = (finding.severity, &finding.explanation);
        let finding = self::finding(number + 1, severity, &said.meaning, &said.advice);
        let _ = write!(text, "\n{finding}");
    }
    text
}

/// A line that says how it stands: by the worst that was found, if anything was.
pub(crate) fn heading(text: &str, worst: Option<Severity>) -> String {
    let style = worst.map_or(GOOD, style_of_severity);
    format!("{style}{text}{style:#}\n")
}

/// What it means, and what to change.
pub(crate) fn finding(number: usize, severity: Severity, meaning: &str, advice: &str) -> String {
    let label = format!("{number:>3}  ");
    let style = style_of_severity(severity);
    let mut text = format!("{style}{label}{style:#}");
    text.push_str(&indented(meaning, label.len()));
    let advice = indented(advice, label.len() + 2);
    let _ = write!(text, "\n{:indent$}→ {advice}\n", "", indent = label.len());
    text
}

/// Wrapped, with all lines but the first indented.
fn indented(text: &str, indent: usize) -> String {
    let options = Options::new(COLUMNS - indent).break_words(false);
    textwrap::wrap(text, options).join(&format!("\n{:indent$}", ""))
}
