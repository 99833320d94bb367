//! The steps on a line of time, as SVG.

use std::time::Duration;

use maud::{Markup, html};
use turn_probe::{Diagnosis, Outcome, Route, Step};

use crate::style::milliseconds;

/// In the drawing's own units.
const WIDTH: f64 = 960.0;
const LABELS: f64 = 250.0;
const ROW: f64 = 30.0;
const HEAD: f64 = 26.0;
const BAR: f64 = 14.0;

/// What is shorter than this could not be seen.
const MIN_BAR: f64 = 2.0;

/// How many marks the axis has.
const MARKS: u32 = 5;

/// A row for each route, a bar for each step.
pub(crate) fn timeline(diagnosis: &Diagnosis) -> Markup {
    let end = diagnosis
        .routes
        .iter()
        .flat_map(|route| &route.steps)
        .map(|step| step.began + step.took)
        .max()
        .unwrap_or_default()
        .max(Duration::from_millis(1));
    let scale = Scale { end };
    let height = HEAD + ROW * diagnosis.routes.len() as f64;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="When each step was taken" {
            @for mark in 0..=MARKS {
                @let x = scale.x(end * mark / MARKS);
                line.axis x1=(x) x2=(x) y1=(HEAD - 6.0) y2=(height) {}
                text.mark x=(x) y=(14) text-anchor=(anchor(mark)) { (mark_label(end * mark / MARKS)) }
            }
            @for (index, route) in diagnosis.routes.iter().enumerate() {
                @let y = HEAD + ROW * index as f64;
                text.label x="0" y=(y + ROW / 2.0 + 4.0) { (label(route)) }
                @for step in &route.steps {
                    (bar(&scale, step, y + (ROW - BAR) / 2.0))
                }
            }
        }
    }
}

struct Scale {
    end: Duration,
}

impl Scale {
    fn x(&self, moment: Duration) -> f64 {
        let share = moment.as_secs_f64() / self.end.as_secs_f64();
        ((LABELS + share * (WIDTH - LABELS - MIN_BAR)) * 10.0).round() / 10.0
    }
}

fn bar(scale: &Scale, step: &Step, y: f64) -> Markup {
    let (class, outcome) = match &step.outcome {
        Outcome::Done(found) => ("done", found.to_string()),
        Outcome::Failed(failure) => ("failed", failure.to_string()),
        Outcome::Skipped(_) => return html! {},
    };
    let (from, to) = (scale.x(step.began), scale.x(step.began + step.took));
    // A hair's breadth between two steps, where there is room for it.
    let width = (to - from - 0.6).max(MIN_BAR);
    let took = milliseconds(step.took.as_secs_f64() * 1000.0);
    html! {
        rect class=(format!("{class} {}", step.kind)) x=(from) y=(y) width=(width) height=(BAR) rx="2" {
            title { (step.kind) ": " (outcome) ", " (took) " ms" }
        }
    }
}

/// The first mark begins at its line and the last one ends there.
fn anchor(mark: u32) -> &'static str {
    match mark {
        0 => "start",
        MARKS => "end",
        _ => "middle",
    }
}

fn mark_label(moment: Duration) -> String {
    format!("{} ms", milliseconds(moment.as_secs_f64() * 1000.0))
}

/// What tells a route from the others in little room.
fn label(route: &Route) -> String {
    let scheme = route.uri.scheme().as_str();
    let transport = route.uri.transport().as_str();
    let place = match route.address {
        Some(address) => address.to_string(),
        None => route.uri.host().to_string(),
    };
    format!("{scheme} {transport} {place}")
}
