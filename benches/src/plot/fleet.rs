//! Requests per second over time.

use std::{path::Path, time::Duration};

use plotters::prelude::*;

use super::{Area, Axis, COLOURS, CannotDraw, FONT, band, cannot_draw, canvas};
use crate::{
    fleet::{Fleet, Scenario},
    words::{span, thousands},
};

const DAY: u32 = 24 * 60 * 60;
const PANEL: u32 = 270;

/// One panel per fleet. If there is an outage, of the time around it alone.
///
/// # Errors
///
/// If the file cannot be written.
pub fn fleet(path: &Path, scenarios: &[Scenario]) -> Result<(), CannotDraw> {
    let root = canvas(path, PANEL * scenarios.len() as u32)?;
    for (area, scenario) in root.split_evenly((scenarios.len(), 1)).iter().zip(scenarios) {
        panel(area, scenario, &Excerpt::of(&scenario.fleet))?;
    }
    root.present().map_err(cannot_draw)
}

/// The part of a fleet's time that is drawn, in seconds.
struct Excerpt {
    from: u32,
    until: u32,
    /// What a point of a curve sums up.
    stretch: u32,
    between_ticks: u32,
}

impl Excerpt {
    fn of(fleet: &Fleet) -> Self {
        let end = seconds(fleet.length);
        match fleet.outage {
            None => Self { from: 0, until: end, stretch: 20 * 60, between_ticks: DAY },
            Some((begins, _)) => Self {
                from: seconds(begins).saturating_sub(DAY / 2),
                until: end.min(seconds(begins) + 3 * DAY / 2),
                stretch: 5 * 60,
                between_ticks: DAY / 4,
            },
        }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.until).step_by(self.between_ticks as usize).map(days)
    }

    /// What `load` says of each stretch, over the days.
    fn curve<'a>(
        &'a self,
        seconds: &'a [u32],
        load: impl Fn(&[u32]) -> f64 + 'a,
    ) -> impl Iterator<Item = (f64, f64)> + 'a {
        let stretches = (self.from..self.until).step_by(self.stretch as usize);
        stretches.map(move |from| {
            let until = (from + self.stretch).min(self.until);
            (days(from), load(&seconds[from as usize..until as usize]))
        })
    }
}

fn panel(area: &Area<'_>, scenario: &Scenario, excerpt: &Excerpt) -> Result<(), CannotDraw> {
    let Scenario { fleet, seconds } = scenario;
    let drawn = &seconds[excerpt.from as usize..excerpt.until as usize];
    let most = f64::from(drawn.iter().copied().max().unwrap_or(0)).max(10.0);
    let powers = (1..10).map(|power| 10_f64.powi(power)).take_while(|power| *power <= most);
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{} clients, {fleet}", thousands(fleet.clients.into())), (FONT, 17))
        .margin(8)
        .x_label_area_size(44)
        .y_label_area_size(90)
        .build_cartesian_2d(
            Axis::even(days(excerpt.from)..days(excerpt.until), excerpt.ticks()),
            // There is room above the peak for the name of a band.
            Axis::logarithmic(6.0 * most, [0.0].into_iter().chain(powers)),
        )
        .map_err(cannot_draw)?;
    if let Some((begins, length)) = fleet.outage {
        let outage = [begins, begins + length].map(|moment| days(self::seconds(moment)));
        band(&mut chart, outage, "outage")?;
    }
    chart
        .configure_mesh()
        .bold_line_style(BLACK.mix(0.15))
        .x_desc("days since all of them started")
        .y_desc("requests per second (log scale)")
        .x_label_formatter(&|days| days.to_string())
        .y_label_formatter(&|y| thousands(*y as u64))
        .label_style((FONT, 13))
        .draw()
        .map_err(cannot_draw)?;

    let of_each = span(Duration::from_secs(excerpt.stretch.into()));
    let peak = |part: &[u32]| f64::from(part.iter().copied().max().unwrap_or(0));
    let mean = |part: &[u32]| part.iter().map(|n| f64::from(*n)).sum::<f64>() / part.len() as f64;
    let curves: [(Vec<_>, _, _); 2] = [
        (
            excerpt.curve(seconds, peak).collect(),
            COLOURS[1],
            format!("worst second of each {of_each}"),
        ),
        (excerpt.curve(seconds, mean).collect(), COLOURS[0], format!("mean of each {of_each}")),
    ];
    for (points, colour, label) in curves {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))
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

fn seconds(span: Duration) -> u32 {
    span.as_secs() as u32
}

fn days(seconds: u32) -> f64 {
    f64::from(seconds) / f64::from(DAY)
}
