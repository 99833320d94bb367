//! How long a client is without valid credentials, by trouble and policy.

use std::{path::Path, time::Duration};

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, VPos},
};

use super::{Area, Axis, COLOURS, CannotDraw, Chart, FONT, WIDTH, band, cannot_draw, canvas, text};
use crate::{
    freshness::{Policy, Trouble},
    words::span,
};

/// One TTL and one trouble, with the stale time of each policy.
pub type Stale = (Duration, Trouble, [Duration; 4]);

const HEAD: u32 = 104;
const PANEL: u32 = 300;

const TICKS: [f64; 7] = [0.0, 1.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0];
/// There is room above a day for the names of bands.
const MOST: f64 = 1_000_000.0;

/// The width of a bar, and of the space to its left, where a trouble is 1 wide.
const BAR: f64 = 0.21;
const SPACE: f64 = 0.02;
/// As many seconds are drawn where there are none, so that there is something to see.
const NONE: f64 = 0.2;

/// One panel per TTL: the stale time by trouble and policy.
///
/// # Errors
///
/// If the file cannot be written.
pub fn freshness(path: &Path, rows: &[Stale]) -> Result<(), CannotDraw> {
    let panels: Vec<_> = rows.chunk_by(|one, other| one.0 == other.0).collect();
    let root = canvas(path, HEAD + PANEL * panels.len() as u32)?;
    let (head, body) = root.split_vertically(HEAD);
    legend(&head)?;
    for (area, rows) in body.split_evenly((panels.len(), 1)).iter().zip(panels) {
        panel(area, rows)?;
    }
    root.present().map_err(cannot_draw)
}

fn panel(area: &Area<'_>, rows: &[Stale]) -> Result<(), CannotDraw> {
    let groups = rows.len() as f64;
    let middles = (0..rows.len()).map(|group| group as f64 + 0.5);
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("TTL {}", rows.first().map(|row| span(row.0)).unwrap_or_default()),
            (FONT, 17),
        )
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(78)
        .build_cartesian_2d(Axis::even(0.0..groups, middles), Axis::logarithmic(MOST, TICKS))
        .map_err(cannot_draw)?;
    mark_outages(&mut chart, rows)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(BLACK.mix(0.15))
        .y_desc("time in a day (log scale)")
        .x_label_formatter(&|x| {
            rows.get(*x as usize).map(|row| row.1.to_string()).unwrap_or_default()
        })
        .y_label_formatter(&|y| tick(*y))
        .label_style((FONT, 13))
        .draw()
        .map_err(cannot_draw)?;
    for (group, (ttl, trouble, stale)) in rows.iter().enumerate() {
        let group = group as f64;
        for (bar, (stale, colour)) in stale.iter().zip(COLOURS).enumerate() {
            let left = group + 0.05 + (BAR + SPACE) * bar as f64;
            draw_bar(&mut chart, left, *stale, colour)?;
        }
        match trouble.least_at_two_thirds(*ttl) {
            // It would hide the bars.
            None | Some(Duration::ZERO) => {}
            Some(least) => {
                let ends = [group + 0.03, group + 0.97].map(|x| (x, least.as_secs_f64()));
                chart.draw_series([PathElement::new(ends, least_style())]).map_err(cannot_draw)?;
            }
        }
    }
    Ok(())
}

fn tick(seconds: f64) -> String {
    let seconds = Duration::from_secs_f64(seconds);
    if seconds.is_zero() { "0".to_owned() } else { span(seconds) }
}

fn mark_outages(chart: &mut Chart<'_, '_>, rows: &[Stale]) -> Result<(), CannotDraw> {
    let is_outage = |row: &Stale| matches!(row.1, Trouble::Outage(length) if !length.is_zero());
    let first = rows.iter().position(is_outage);
    let last = rows.iter().rposition(is_outage);
    match first.zip(last) {
        Some((first, last)) => {
            band(chart, [first as f64, (last + 1) as f64], "outage of the homeserver")
        }
        None => Ok(()),
    }
}

/// A bar, and how long that is.
fn draw_bar(
    chart: &mut Chart<'_, '_>,
    left: f64,
    stale: Duration,
    colour: RGBColor,
) -> Result<(), CannotDraw> {
    let top = stale.as_secs_f64().max(NONE);
    let bar = Rectangle::new([(left, 0.0), (left + BAR, top)], colour.filled());
    let style = text(10, BLACK, HPos::Center, VPos::Bottom);
    let label =
        EmptyElement::at((left + BAR / 2.0, top)) + Text::new(rounded(stale), (0, -3), style);
    chart.draw_series([bar]).map_err(cannot_draw)?;
    chart.draw_series([label]).map_err(cannot_draw)?;
    Ok(())
}

/// Short enough for the top of a bar.
fn rounded(stale: Duration) -> String {
    match stale.as_secs_f64() {
        seconds if seconds < 0.05 => "0".to_owned(),
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 99.5 => format!("{seconds:.0} s"),
        seconds if seconds < 5_970.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.0} h", seconds / 3_600.0),
    }
}

fn least_style() -> ShapeStyle {
    BLACK.stroke_width(2)
}

fn legend(area: &Area<'_>) -> Result<(), CannotDraw> {
    let middle = WIDTH as i32 / 2;
    let say = |what: &str, style: &TextStyle<'_>, at| {
        area.draw_text(what, style, at).map_err(cannot_draw)
    };
    let title = "Time without valid TURN credentials in a day, at the worst moment";
    say(title, &text(20, BLACK, HPos::Center, VPos::Top), (middle, 12))?;

    let style = text(15, BLACK, HPos::Left, VPos::Center);
    for (place, (policy, colour)) in Policy::ALL.iter().zip(COLOURS).enumerate() {
        let x = 90 + 195 * place as i32;
        area.draw(&Rectangle::new([(x, 45), (x + 24, 61)], colour.filled()))
            .map_err(cannot_draw)?;
        say(&policy.to_string(), &style, (x + 32, 53))?;
    }
    area.draw(&PathElement::new([(90, 83), (114, 83)], least_style())).map_err(cannot_draw)?;
    let least = "the least possible in an outage for a client that refreshes at two thirds of the TTL (no line: 0)";
    say(least, &style, (122, 83))
}
