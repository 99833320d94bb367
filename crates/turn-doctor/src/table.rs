//! The table: a row for each URI and address, a column for each step.

use std::fmt::Write;

use turn_probe::{Diagnosis, Outcome, Route, Step, StepKind};

use crate::style::{BAD, DIM, milliseconds};

/// The columns, with their heads.
const COLUMNS: [(StepKind, &str); 10] = [
    (StepKind::Connect, "conn"),
    (StepKind::Tls, "TLS"),
    (StepKind::Binding, "STUN"),
    (StepKind::Allocate, "alloc"),
    (StepKind::SecondAllocate, "2nd"),
    (StepKind::CreatePermission, "perm"),
    (StepKind::ChannelBind, "chan"),
    (StepKind::Relay, "relay"),
    (StepKind::Direct, "direct"),
    (StepKind::Refresh, "end"),
];

/// Room for an address; an IPv6 address may be longer, and takes a line of its own then.
const ADDRESS_WIDTH: usize = 19;

/// How long a URI may be before it is cut.
const MAX_URI_CHARS: usize = 78;

/// Milliseconds, `✗` with the number of the finding that explains it, `–` for what was not tried.
pub(crate) fn table(diagnosis: &Diagnosis) -> String {
    let mut text = head();
    let mut last_uri = None;
    for route in &diagnosis.routes {
        if last_uri != Some(&route.uri) {
            let _ = writeln!(text, "{}", cut(&route.uri.to_string()));
            last_uri = Some(&route.uri);
        }
        text.push_str(&row(route));
    }
    text
}

fn head() -> String {
    let mut text = format!("{DIM}{:ADDRESS_WIDTH$}", "  milliseconds");
    for (_, head) in COLUMNS {
        let _ = write!(text, "{head:>width$}", width = width(head));
    }
    let _ = writeln!(text, "{DIM:#}");
    text
}

fn row(route: &Route) -> String {
    let Some(address) = route.address else {
        return format!("  {}\n", whole_outcome(route));
    };
    let address = format!("  {address}");
    let mut text = match address.chars().count() < ADDRESS_WIDTH {
        true => format!("{address:ADDRESS_WIDTH$}"),
        false => format!("{address}\n{:ADDRESS_WIDTH$}", ""),
    };
    for (kind, head) in COLUMNS {
        let cell = route.step(kind).map_or_else(String::new, |step| cell(route, step));
        let padded = format!("{cell:>width$}", width = width(head));
        match route.step(kind).is_some_and(|step| step.failure().is_some()) {
            true => {
                let _ = write!(text, "{BAD}{padded}{BAD:#}");
            }
            false => text.push_str(&padded),
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// What there is to say of a route that has no address.
fn whole_outcome(route: &Route) -> String {
    let step = route.failed().or(route.steps.last());
    match step.map(|step| (step, &step.outcome)) {
        Some((step, Outcome::Failed(_))) => {
            format!("{BAD}{}{BAD:#} the name does not resolve", cell(route, step))
        }
        Some((_, Outcome::Skipped(why))) => why.to_string(),
        _ => String::new(),
    }
}

fn cell(route: &Route, step: &Step) -> String {
    match &step.outcome {
        Outcome::Done(_) => milliseconds(step.took.as_secs_f64() * 1000.0),
        Outcome::Skipped(_) => "–".to_owned(),
        Outcome::Failed(_) => match route.findings.first() {
            Some(finding) => format!("✗ {}", finding + 1),
            None => "✗".to_owned(),
        },
    }
}

/// A column is as wide as its head and what stands below it.
fn width(head: &str) -> usize {
    (head.len() + 1).max(6)
}

/// From the middle of a long URI, so that both host and transport stay.
fn cut(uri: &str) -> String {
    let chars: Vec<char> = uri.chars().collect();
    if chars.len() <= MAX_URI_CHARS {
        return uri.to_owned();
    }
    let half = (MAX_URI_CHARS - 1) / 2;
    let (first, last) = (&chars[..half], &chars[chars.len() - half..]);
    first.iter().chain(&['…']).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_fits_into_80_columns() {
        let columns: usize = COLUMNS.iter().map(|(_, head)| width(head)).sum();
        assert_eq!(ADDRESS_WIDTH + columns, 80);
    }

    proptest! {
        #[test]
        fn a_uri_is_cut_to_what_fits(uri in "[a-z:.?=]{0,300}") {
            let shown = cut(&uri);
            prop_assert!(shown.chars().count() <= MAX_URI_CHARS);
            prop_assert!(uri.len() > MAX_URI_CHARS || shown == uri);
        }
    }
}
