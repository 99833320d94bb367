//! The figures.

use std::time::Duration;

use benches::{
    freshness::{Measured, Policy, Trouble},
    output::paragraph,
    table::Table,
    words::{seconds, span},
};

use crate::figures::{Figures, Row};

/// Not a policy, but what one that refreshes at 2/3 of the TTL cannot go below.
const LEAST: &str = "least at 2/3 of TTL";

pub(crate) fn of(figures: &Figures) -> String {
    [
        paragraph(&format!(
            "Seconds without valid credentials in the 24 h from the beginning of the trouble, at \
             the worst moment: the homeserver is down for 1, 5 or 20 min, the machine is asleep \
             for 8 h, or 10% of the requests fail. \"{LEAST}\" is no policy: it is the least \
             possible for a client that refreshes at two thirds of the TTL, max(0, L - TTL/3) in \
             an outage of length L. A client that refreshes sooner goes below it."
        )),
        stale(figures),
        paragraph("Without trouble: the least share of the TTL that is left, in percent."),
        steady(figures, percent),
        paragraph("Without trouble: requests per TTL, of which a client needs 1."),
        steady(figures, requests),
        paragraph(
            "matrix-sdk-turn in trouble: the least share of the TTL that is left, in percent.",
        ),
        ours(figures, percent),
        paragraph("matrix-sdk-turn in trouble: requests per TTL, in the 24 h from its beginning."),
        ours(figures, requests),
        paragraph(
            "matrix-sdk-turn, seconds without valid credentials where requests are refused, and \
             where they hang. The target is max(0, L - 0.28 TTL) + 10 s.",
        ),
        hanging(figures),
        paragraph(
            "matrix-sdk-turn at short TTLs, without trouble. It asks every 10 s at most, which is \
             later than two thirds of a TTL below 15 s.",
        ),
        short(figures),
    ]
    .join("\n")
}

fn percent(cell: Measured) -> String {
    format!("{:.1}", 100.0 * cell.headroom)
}

fn requests(cell: Measured) -> String {
    format!("{:.2}", cell.requests)
}

/// One table per TTL.
fn stale(figures: &Figures) -> String {
    let of_one_ttl = |rows: &[Row]| {
        let ttl = format!("TTL {}", rows.first().map(|row| span(row.ttl)).unwrap_or_default());
        let mut table = by_trouble(&ttl);
        for policy in Policy::ALL {
            let cells = rows.iter().map(|row| seconds(row.of(policy).stale));
            table.row([policy.to_string()].into_iter().chain(cells));
        }
        let least = |row: &Row| row.trouble.least_at_two_thirds(row.ttl).map(seconds);
        let least = rows.iter().map(|row| least(row).unwrap_or_default());
        table.row([LEAST.to_owned()].into_iter().chain(least));
        table.to_string()
    };
    let tables = figures.rows.chunk_by(|one, other| one.ttl == other.ttl).map(of_one_ttl);
    tables.collect::<Vec<_>>().join("\n")
}

fn steady(figures: &Figures, cell: impl Fn(Measured) -> String) -> String {
    let policies = Policy::ALL.iter().map(ToString::to_string);
    let mut table = Table::new(["TTL".to_owned()].into_iter().chain(policies));
    for row in figures.steady() {
        table.row([span(row.ttl)].into_iter().chain(row.measured.map(&cell)));
    }
    table.to_string()
}

fn ours(figures: &Figures, cell: impl Fn(Measured) -> String) -> String {
    let mut table = by_trouble("TTL");
    for rows in figures.rows.chunk_by(|one, other| one.ttl == other.ttl) {
        let ttl = rows.iter().take(1).map(|row| span(row.ttl));
        table.row(ttl.chain(rows.iter().map(|row| cell(row.of(Policy::Ours)))));
    }
    table.to_string()
}

/// A table with a column for each trouble.
fn by_trouble(first: &str) -> Table {
    let heading = |trouble| match trouble {
        Trouble::NONE => "none".to_owned(),
        Trouble::Outage(length) | Trouble::HangingOutage(length) => span(length),
        Trouble::Sleep(_) => "asleep".to_owned(),
        Trouble::TenthFails => "10% fail".to_owned(),
    };
    Table::new([first.to_owned()].into_iter().chain(Trouble::ALL.map(heading)))
}

fn hanging(figures: &Figures) -> String {
    let mut table = Table::new(["TTL", "outage", "target", "refused", "hanging"]);
    for outage in &figures.outages {
        let target = outage.inevitable() + Duration::from_secs(10);
        let stale = [target, outage.refused, outage.hanging].map(seconds);
        table.row([span(outage.ttl), span(outage.length)].into_iter().chain(stale));
    }
    table.to_string()
}

fn short(figures: &Figures) -> String {
    let mut table = Table::new(["TTL", "seconds without", "least % left", "requests per TTL"]);
    for (ttl, measured) in &figures.short {
        table.row([span(*ttl), seconds(measured.stale), percent(*measured), requests(*measured)]);
    }
    table.to_string()
}
