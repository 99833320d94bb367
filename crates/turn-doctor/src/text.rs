//! An examination as text, for a terminal of 80 columns.

use std::fmt::Write;

use textwrap::Options;
use turn_probe::Finding;

use crate::{
    examination::Examination,
    style::{DIM, style_of_severity, style_of_verdict, verdict},
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
        let _ = writeln!(text, "username {}\npassword {}", server.username(), server.password());
    }
    if !diagnosis.routes.is_empty() {
        let _ = write!(text, "\n{}", table::table(diagnosis));
    }
    for (number, finding) in diagnosis.findings.iter().enumerate() {
        let _ = write!(text, "\n{}", finding_text(number + 1, finding));
    }
    text
}

fn finding_text(number: usize, finding: &Finding) -> String {
    let label = format!("{number:>3}  ");
    let style = style_of_severity(finding.severity);
    let explanation = &finding.explanation;
    let mut text = format!("{style}{label}{style:#}");
    text.push_str(&indented(&explanation.meaning, label.len()));
    let advice = indented(&explanation.advice, label.len() + 2);
    let _ = write!(text, "\n{:indent$}→ {advice}\n", "", indent = label.len());
    text
}

/// Wrapped, with all lines but the first indented.
fn indented(text: &str, indent: usize) -> String {
    let options = Options::new(COLUMNS - indent).break_words(false);
    textwrap::wrap(text, options).join(&format!("\n{:indent$}", ""))
}
