//! The report: one page without scripts, without anything from elsewhere, and without a secret.

use std::time::SystemTime;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use turn_probe::{Diagnosis, Finding, Outcome, Route, Step, StepKind, Verdict};

use crate::{
    examination::Examination,
    style::{milliseconds, verdict},
    timeline::timeline,
};

const STYLE: &str = include_str!("report.css");

/// The columns of the table, with their heads.
const COLUMNS: [(StepKind, &str); 10] = [
    (StepKind::Connect, "connect"),
    (StepKind::Tls, "TLS"),
    (StepKind::Binding, "STUN"),
    (StepKind::Allocate, "allocate"),
    (StepKind::SecondAllocate, "second"),
    (StepKind::CreatePermission, "permit"),
    (StepKind::ChannelBind, "channel"),
    (StepKind::Relay, "relay"),
    (StepKind::Direct, "direct"),
    (StepKind::Refresh, "end"),
];

/// The colours of the timeline.
const KEY: [(&str, &str); 6] = [
    ("--open", "resolve, connect, TLS"),
    ("--stun", "STUN"),
    ("--lend", "allocate, permit, channel"),
    ("--relay", "relayed data"),
    ("--close", "give back"),
    ("--bad", "failed"),
];

/// The whole page.
pub(crate) fn page(examination: &Examination) -> String {
    let diagnosis = &examination.diagnosis;
    let verdict = verdict(diagnosis);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (verdict) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 class=(class_of(diagnosis.verdict)) { (verdict) }
                p.soft { (examination.headline()) }
                @if !diagnosis.findings.is_empty() {
                    h2 { "What to change" }
                    ol { @for (index, finding) in diagnosis.findings.iter().enumerate() {
                        (finding_item(index + 1, finding))
                    } }
                }
                @if !diagnosis.routes.is_empty() {
                    h2 { "What was tried, in milliseconds" }
                    div.scroll { (route_table(diagnosis)) }
                    h2 { "When" }
                    div.scroll { (timeline(diagnosis)) }
                    p.key { @for (colour, meaning) in KEY {
                        span style=(format!("--swatch: var({colour})")) { (meaning) }
                    } }
                }
                footer.soft {
                    "turn-doctor " (env!("CARGO_PKG_VERSION")) ", " (utc(examination.at)) ". "
                    "There is no username, password or access token on this page."
                }
            }
        }
    };
    page.into_string()
}

fn class_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::AllRelay => "all",
        Verdict::SomeRelay => "some",
        Verdict::NoneRelays => "none",
    }
}

fn finding_item(number: usize, finding: &Finding) -> Markup {
    html! {
        li class=(finding.severity.as_str()) {
            span.number { (number) }
            div {
                p { (with_code(&finding.explanation.meaning)) }
                p.advice { (with_code(&finding.explanation.advice)) }
            }
        }
    }
}

/// What stands between backticks is code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

fn route_table(diagnosis: &Diagnosis) -> Markup {
    let starts_uri =
        |index: usize| index == 0 || diagnosis.routes[index - 1].uri != diagnosis.routes[index].uri;
    html! {
        table {
            thead { tr {
                th { "address" }
                @for (_, head) in COLUMNS { th { (head) } }
            } }
            tbody { @for (index, route) in diagnosis.routes.iter().enumerate() {
                @if starts_uri(index) {
                    tr.uri { td.mono colspan=(COLUMNS.len() + 1) { (route.uri) } }
                }
                (route_row(route))
            } }
        }
    }
}

fn route_row(route: &Route) -> Markup {
    html! {
        tr.route {
            @match route.address {
                Some(address) => td.mono { (address) },
                None => {
                    @match route.failed() {
                        Some(step) => (cell(route, Some(step))),
                        None => td.soft { "not tried" },
                    }
                }
            }
            @for (kind, _) in COLUMNS { (cell(route, route.step(kind))) }
        }
    }
}

fn cell(route: &Route, step: Option<&Step>) -> Markup {
    let Some(step) = step else { return html! { td {} } };
    match &step.outcome {
        Outcome::Done(found) => html! {
            td title=(found) { (milliseconds(step.took.as_secs_f64() * 1000.0)) }
        },
        Outcome::Skipped(why) => html! { td.skipped title=(why) { "–" } },
        Outcome::Failed(failure) => html! {
            td.failed title=(failure) {
                "✗" @if let Some(finding) = route.findings.first() { " " (finding + 1) }
            }
        },
    }
}

/// `Wed, 25 Nov 2026 14:03:00 UTC`
fn utc(moment: SystemTime) -> String {
    httpdate::fmt_http_date(moment).replace("GMT", "UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_as_code_and_nothing_is_markup() {
        let markup = with_code("Set `a<b>` to \"<script>\".").into_string();
        assert_eq!(markup, "Set <code>a&lt;b&gt;</code> to &quot;&lt;script&gt;&quot;.");
    }
}
