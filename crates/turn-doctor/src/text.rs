//! An examination as text, for a terminal of 80 columns.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use textwrap::Options;
use turn_probe::{Diagnosis, RouteStatus, Severity, Text, Verdict};

use crate::{credentials::expiry, examination::Examination, table};

/// What fits everywhere.
const COLUMNS: usize = 80;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// All of it: the verdict, the table, and the findings.
pub(crate) fn whole(examination: &Examination, show_secrets: bool) -> String {
    let diagnosis = &examination.diagnosis;
    let style = style_of(diagnosis.verdict);
    let mut text = format!("{style}{}{style:#}\n", verdict(diagnosis));
    let _ = writeln!(text, "{DIM}{}{DIM:#}", subject(examination));
    if show_secrets && let Some(credentials) = &examination.credentials {
        let server = &credentials.server;
        let [username, password] = [server.username(), server.password()].map(Text::uncut);
        let _ = writeln!(text, "username {username}\npassword {password}");
    }
    if !diagnosis.routes.is_empty() {
        let _ = write!(text, "\n{}", table::table(diagnosis));
    }
    for (number, finding) in diagnosis.findings.iter().enumerate() {
        let (meaning, advice) = (finding.cause.meaning(), finding.cause.advice());
        let _ =
            write!(text, "\n{}", self::finding(number + 1, finding.severity, &meaning, &advice));
    }
    text
}

/// The verdict, in one line.
pub(crate) fn verdict(diagnosis: &Diagnosis) -> String {
    let relays = diagnosis.routes.iter().filter(|route| route.relays()).count();
    let tried = |route: &&turn_probe::Route| {
        route.uri.is_turn() && matches!(route.status, RouteStatus::Works | RouteStatus::Broken)
    };
    let all = diagnosis.routes.iter().filter(tried).count();
    let ways = if all == 1 { "way" } else { "ways" };
    match diagnosis.verdict {
        Verdict::AllRelay => format!("Everything relays: {relays} of {all} {ways}."),
        Verdict::SomeRelay => {
            format!("Something relays, and something does not: {relays} of {all} {ways} relay.")
        }
        Verdict::NoneRelays if all == 0 => {
            "Nothing relays: there is no TURN server to try.".to_owned()
        }
        Verdict::NoneRelays => format!("Nothing relays: 0 of {all} {ways}."),
    }
}

/// Whose TURN servers they are, and how long the credentials hold.
pub(crate) fn subject(examination: &Examination) -> String {
    let subject = &examination.subject;
    match examination.credentials.as_ref().and_then(expiry) {
        Some(expires) => {
            let left = expires.duration_since(examination.at).unwrap_or_default();
            format!("Tried: {subject}, credentials valid for {} min.", left.as_secs().div_ceil(60))
        }
        None => format!("Tried: {subject}."),
    }
}

/// A line that says how it stands: by the worst that was found, if anything was.
pub(crate) fn heading(text: &str, worst: Option<Severity>) -> String {
    let style = worst.map_or(GOOD, severity_style);
    format!("{style}{text}{style:#}\n")
}

/// What it means, and what to change.
pub(crate) fn finding(number: usize, severity: Severity, meaning: &str, advice: &str) -> String {
    let label = format!("{number:>3}  ");
    let style = severity_style(severity);
    let mut text = format!("{style}{label}{style:#}");
    text.push_str(&indented(meaning, label.len()));
    let advice = indented(advice, label.len() + 2);
    let _ = write!(text, "\n{:indent$}→ {advice}\n", "", indent = label.len());
    text
}

fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Problem => BAD,
        Severity::Warning => WARNING,
        Severity::Note => DIM,
    }
}

/// Wrapped, with all lines but the first indented.
fn indented(text: &str, indent: usize) -> String {
    let options = Options::new(COLUMNS - indent).break_words(false);
    textwrap::wrap(text, options).join(&format!("\n{:indent$}", ""))
}

fn style_of(verdict: Verdict) -> Style {
    match verdict {
        Verdict::AllRelay => GOOD,
        Verdict::SomeRelay => WARNING,
        Verdict::NoneRelays => BAD,
    }
}
