//! What the programs draw, as SVG.

use std::{error::Error, fmt, path::Path, time::Duration};

use plotters::prelude::*;

use crate::freshness::{Policy, Trouble};

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

/// A span as people say it.
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

/// One panel per TTL: stale seconds by trouble and policy, and the unreachable bound.
///
/// # Errors
///
/// If the file cannot be written.
pub fn freshness(
    path: &Path,
    rows: &[(Duration, Trouble, [Duration; 4])],
) -> Result<(), CannotDraw> {
    let root = SVGBackend::new(path, (1200, 1050)).into_drawing_area();
    root.fill(&WHITE).map_err(cannot_draw)?;
    let root = root
        .titled("Seconds without valid TURN credentials, at the worst moment, in 24 h", (FONT, 22))
        .map_err(cannot_draw)?;
    let panels = root.split_evenly((3, 2));

    let mut ttls: Vec<_> = rows.iter().map(|(ttl, ..)| *ttl).collect();
    ttls.dedup();
    let ticks = [0, 1, 10, 60, 600, 3_600, 86_400].map(Duration::from_secs);
    for (panel, ttl) in panels.iter().zip(&ttls) {
        let rows: Vec<_> = rows.iter().filter(|row| row.0 == *ttl).collect();
        let most = height(Duration::from_secs(200_000));
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("TTL {}", span(*ttl)), (FONT, 17))
            .margin(10)
            .x_label_area_size(28)
            .y_label_area_size(52)
            .build_cartesian_2d(0.0..rows.len() as f64, 0.0..most)
            .map_err(cannot_draw)?;
        chart.configure_mesh().disable_mesh().disable_axes().draw().map_err(cannot_draw)?;

        let text = (FONT, 13).into_font().color(&BLACK);
        for tick in ticks {
            let y = height(tick);
            chart
                .draw_series([PathElement::new(
                    [(0.0, y), (rows.len() as f64, y)],
                    BLACK.mix(0.15),
                )])
                .map_err(cannot_draw)?;
            let (x, y) = chart.plotting_area().map_coordinate(&(0.0, y));
            let (left, top) = panel.get_base_pixel();
            let label = if tick.is_zero() { "0".to_owned() } else { span(tick) };
            panel.draw_text(&label, &text, (x - left - 48, y - top - 7)).map_err(cannot_draw)?;
        }
        for (group, (_, trouble, stale)) in rows.iter().enumerate() {
            let group = group as f64;
            for (bar, (stale, colour)) in stale.iter().zip(COLOURS).enumerate() {
                let left = group + 0.1 + 0.2 * bar as f64;
                let corners = [(left, 0.0), (left + 0.18, height(*stale).max(0.01))];
                chart
                    .draw_series([Rectangle::new(corners, colour.filled())])
                    .map_err(cannot_draw)?;
            }
            let bound = height(trouble.unreachable_bound(*ttl));
            chart
                .draw_series([PathElement::new(
                    [(group + 0.05, bound), (group + 0.95, bound)],
                    BLACK.stroke_width(2),
                )])
                .map_err(cannot_draw)?;
            let (x, y) = chart.plotting_area().map_coordinate(&(group + 0.08, 0.0));
            let (left, top) = panel.get_base_pixel();
            panel
                .draw_text(&trouble.to_string(), &text, (x - left, y - top + 8))
                .map_err(cannot_draw)?;
        }
    }

    let legend = &panels[ttls.len().min(panels.len() - 1)];
    let text = (FONT, 16).into_font().color(&BLACK);
    for (line, (policy, colour)) in Policy::ALL.iter().zip(COLOURS).enumerate() {
        let y = 60 + 34 * line as i32;
        legend
            .draw(&Rectangle::new([(80, y), (110, y + 18)], colour.filled()))
            .map_err(cannot_draw)?;
        legend.draw_text(&policy.to_string(), &text, (122, y + 1)).map_err(cannot_draw)?;
    }
    legend
        .draw(&PathElement::new([(80, 205), (110, 205)], BLACK.stroke_width(2)))
        .map_err(cannot_draw)?;
    legend
        .draw_text("unreachable bound: max(0, L - (1 - 2/3) TTL)", &text, (122, 197))
        .map_err(cannot_draw)?;
    root.present().map_err(cannot_draw)
}

/// Into how many points a panel's seconds are gathered.
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
        let stretch = seconds.len().div_ceil(POINTS).max(1);
        let hours = |n: usize| (n * stretch) as f64 / 3600.0;
        let peaks = seconds.chunks(stretch).enumerate().map(|(n, part)| {
            (hours(n), f64::from(part.iter().copied().max().unwrap_or(0)).max(1.0))
        });
        let means = seconds.chunks(stretch).enumerate().map(|(n, part)| {
            let sum: f64 = part.iter().map(|n| f64::from(*n)).sum();
            (hours(n), (sum / part.len() as f64).max(1.0))
        });
        let most = f64::from(seconds.iter().copied().max().unwrap_or(1)).max(10.0);
        let mut chart = ChartBuilder::on(panel)
            .caption(title, (FONT, 17))
            .margin(8)
            .x_label_area_size(36)
            .y_label_area_size(80)
            .build_cartesian_2d(0.0..seconds.len() as f64 / 3600.0, (1.0..2.0 * most).log_scale())
            .map_err(cannot_draw)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("hours")
            .y_desc("requests per second")
            .y_label_formatter(&|y| crate::table::thousands(*y as u64))
            .label_style((FONT, 13))
            .draw()
            .map_err(cannot_draw)?;
        for (line, colour, label) in [
            (peaks.collect::<Vec<_>>(), COLOURS[1], "worst second"),
            (means.collect(), COLOURS[0], "mean"),
        ] {
            chart
                .draw_series(LineSeries::new(line, colour))
                .map_err(cannot_draw)?
                .label(label)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .label_font((FONT, 13))
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(cannot_draw)?;
    }
    root.present().map_err(cannot_draw)
}
