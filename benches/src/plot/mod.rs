//! What the programs draw, as SVG.

mod axis;
mod fleet;
mod freshness;

use std::{error::Error, fmt, path::Path};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use self::axis::Axis;
pub use self::{
    fleet::fleet,
    freshness::{Stale, freshness},
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

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

/// Distinguishable without red and green: Okabe and Ito.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(204, 121, 167), RGBColor(0, 158, 115)];

/// What marks an outage.
const OUTAGE: RGBColor = RGBColor(213, 94, 0);

const FONT: &str = "sans-serif";

/// No wider than what a page of Markdown shows in full size.
const WIDTH: u32 = 880;

fn canvas(path: &Path, height: u32) -> Result<Area<'_>, CannotDraw> {
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(cannot_draw)?;
    Ok(root)
}

fn text(size: i32, colour: RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&colour).pos(Pos::new(horizontal, vertical))
}

/// Shades what lies between two points of the horizontal axis, and names it.
fn band(chart: &mut Chart<'_, '_>, between: [f64; 2], name: &str) -> Result<(), CannotDraw> {
    let [from, until] = between;
    let top = chart.y_range().end;
    let shade = Rectangle::new([(from, 0.0), (until, top)], OUTAGE.mix(0.15).filled());
    let style = text(13, OUTAGE, HPos::Center, VPos::Top);
    let name =
        EmptyElement::at(((from + until) / 2.0, top)) + Text::new(name.to_owned(), (0, 4), style);
    chart.draw_series([shade]).map_err(cannot_draw)?;
    chart.draw_series([name]).map_err(cannot_draw)?;
    Ok(())
}
