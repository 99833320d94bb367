//! What the programs draw, as SVG.

use std::{error::Error, fmt, path::Path, time::Duration};

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
};

use crate::{
    freshness::{Policy, Trouble},
    table::thousands,
};

/// Why nothing was drawn.
#[derive(Debug)]
pub struct CannotDraw(Box<dyn Error + Send + Sync>);

impl fmt::Display for CannotDraw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for CannotDraw {}

/// Anything that plotters returns. Its errors borrow the path they were about.
fn cannot_draw(error: impl Error) -> CannotDraw {
    CannotDraw(error.to_string().into())
}

/// Distinguishable without red and green: Okabe and Ito.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(204, 121, 167), RGBColor(0, 158, 115)];

const FONT: &str = "sans-serif";

/// A span in whole seconds, minutes or hours, whichever suits it.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds < 3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// Seconds on an axis that shows 0 as well as a day: the logarithm of one second more.
fn height(stale: Duration) -> f64 {
    (1.0 + stale.as_secs_f64()).log10()
}

/// One TTL and one trouble, with the stale time of each policy.
pub type FreshnessRow = (Duration, Trouble, [Duration; 4]);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// One panel per TTL: stale seconds by trouble and policy, and the unreachable bound.
///
/// # Errors
///
/// If the file cannot be written.
pub fn freshness(path: &Path, rows: &[FreshnessRow]) -> Result<(), CannotDraw> {
    let root = SVGBackend::new(path, (1200, 1050)).into_drawing_area();
    root.fill(&WHITE).map_err(cannot_draw)?;
    let root = root
        .titled("Seconds without valid TURN credentials, at the worst moment, in 24 h", (FONT, 22))
        .map_err(cannot_draw)?;
    let panels = root.split_evenly((3, 2));

    let mut ttls: Vec<_> = rows.iter().map(|(ttl, ..)| *ttl).collect();
    ttls.dedup();
    for (panel, ttl) in panels.iter().zip(&ttls) {
        let rows: Vec<_> = rows.iter().filter(|row| row.0 == *ttl).collect();
        freshness_panel(panel, *ttl, &rows)?;
    }
    freshness_legend(&panels[ttls.len().min(panels.len() - 1)])?;
    root.present().map_err(cannot_draw)
}

fn freshness_panel(
    panel: &Area<'_>,
    ttl: Duration,
    rows: &[&FreshnessRow],
) -> Result<(), CannotDraw> {
    let most = height(Duration::from_secs(200_000));
    let mut chart = ChartBuilder::on(panel)
        .caption(format!("TTL {}", span(ttl)), (FONT, 17))
        .margin(10)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..rows.len() as f64, 0.0..most)
        .map_err(cannot_draw)?;
    chart.configure_mesh().disable_mesh().disable_axes().draw().map_err(cannot_draw)?;

    for tick in [0, 1, 10, 60, 600, 3_600, 86_400].map(Duration::from_secs) {
        let y = height(tick);
        line(&mut chart, [(0.0, y), (rows.len() as f64, y)], BLACK.mix(0.15))?;
        let label = if tick.is_zero() { "0".to_owned() } else { span(tick) };
        label_at(panel, &chart, (0.0, y), (-48, -7), &label)?;
    }
    for (group, (_, trouble, stale)) in rows.iter().enumerate() {
        let group = group as f64;
        for (bar, (stale, colour)) in stale.iter().zip(COLOURS).enumerate() {
            let left = group + 0.1 + 0.2 * bar as f64;
            let corners = [(left, 0.0), (left + 0.18, height(*stale).max(0.01))];
            chart.draw_series([Rectangle::new(corners, colour.filled())]).map_err(cannot_draw)?;
        }
        let bound = height(trouble.unreachable_bound(ttl));
        line(&mut chart, [(group + 0.05, bound), (group + 0.95, bound)], BLACK.stroke_width(2))?;
        label_at(panel, &chart, (group + 0.08, 0.0), (0, 8), &trouble.to_string())?;
    }
    Ok(())
}

fn line(
    chart: &mut Chart<'_, '_>,
    ends: [(f64, f64); 2],
    style: impl Into<ShapeStyle>,
) -> Result<(), CannotDraw> {
    chart.draw_series([PathElement::new(ends, style)]).map_err(cannot_draw)?;
    Ok(())
}

/// Writes beside a point of the chart, `offset` pixels away from it.
fn label_at(
    panel: &Area<'_>,
    chart: &Chart<'_, '_>,
    point: (f64, f64),
    offset: (i32, i32),
    label: &str,
) -> Result<(), CannotDraw> {
    let text = (FONT, 13).into_font().color(&BLACK);
    let (x, y) = chart.plotting_area().map_coordinate(&point);
    let (left, top) = panel.get_base_pixel();
    panel.draw_text(label, &text, (x - left + offset.0, y - top + offset.1)).map_err(cannot_draw)
}

fn freshness_legend(panel: &Area<'_>) -> Result<(), CannotDraw> {
    let text = (FONT, 16).into_font().color(&BLACK);
    for (line, (policy, colour)) in Policy::ALL.iter().zip(COLOURS).enumerate() {
        let y = 60 + 34 * line as i32;
        panel
            .draw(&Rectangle::new([(80, y), (110, y + 18)], colour.filled()))
            .map_err(cannot_draw)?;
        panel.draw_text(&policy.to_string(), &text, (122, y + 1)).map_err(cannot_draw)?;
    }
    panel
        .draw(&PathElement::new([(80, 205), (110, 205)], BLACK.stroke_width(2)))
        .map_err(cannot_draw)?;
    panel
        .draw_text("unreachable bound: max(0, L - (1 - 2/3) TTL)", &text, (122, 197))
        .map_err(cannot_draw)
}

/// How many points a curve has; each sums up the seconds from one to the next.
const POINTS: usize = 500;

/// One panel per fleet: requests per second over time, the mean and the peak of each stretch.
///
/// # Errors
///
/// If the file cannot be written.
pub fn fleet(path: &Path, fleets: &[(String, Vec<u32>)]) -> Result<(), CannotDraw> {
    let root = SVGBackend::new(path, (1200, 260 * fleets.len() as u32 + 40)).into_drawing_area();
    root.fill(&WHITE).map_err(cannot_draw)?;
    let root = root
        .titled("Requests per second: the worst second and the mean of each 20 minutes", (FONT, 22))
        .map_err(cannot_draw)?;
    for (panel, (title, seconds)) in root.split_evenly((fleets.len(), 1)).iter().zip(fleets) {
        fleet_panel(panel, title, seconds)?;
    }
    root.present().map_err(cannot_draw)
}

fn fleet_panel(panel: &Area<'_>, title: &str, seconds: &[u32]) -> Result<(), CannotDraw> {
    let hours = seconds.len() as f64 / 3600.0;
    let most = f64::from(seconds.iter().copied().max().unwrap_or(1)).max(10.0);
    let mut chart = ChartBuilder::on(panel)
        .caption(title, (FONT, 17))
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(80)
        .build_cartesian_2d(0.0..hours, (1.0..2.0 * most).log_scale())
        .map_err(cannot_draw)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("hours")
        .y_desc("requests per second")
        .y_label_formatter(&|y| thousands(*y as u64))
        .label_style((FONT, 13))
        .draw()
        .map_err(cannot_draw)?;

    let peak = |part: &[u32]| f64::from(part.iter().copied().max().unwrap_or(0));
    let mean = |part: &[u32]| part.iter().map(|n| f64::from(*n)).sum::<f64>() / part.len() as f64;
    let curves = [
        (curve(seconds, peak), COLOURS[1], "worst second"),
        (curve(seconds, mean), COLOURS[0], "mean"),
    ];
    for (points, colour, label) in curves {
        chart
            .draw_series(LineSeries::new(points, colour))
            .map_err(cannot_draw)?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font((FONT, 13))
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(cannot_draw)
}

/// What `height` says of each stretch, over the hours. Nothing below 1: the axis is logarithmic.
fn curve(seconds: &[u32], height: impl Fn(&[u32]) -> f64) -> Vec<(f64, f64)> {
    let stretch = seconds.len().div_ceil(POINTS).max(1);
    let hours = |n: usize| (n * stretch) as f64 / 3600.0;
    let parts = seconds.chunks(stretch).enumerate();
    parts.map(|(n, part)| (hours(n), height(part).max(1.0))).collect()
}
