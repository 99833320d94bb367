//! Axes with ticks where they are wanted.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// An axis, even or logarithmic.
pub(super) struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
    scale: fn(f64) -> f64,
}

impl Axis {
    pub(super) fn even(range: Range<f64>, ticks: impl IntoIterator<Item = f64>) -> Self {
        Self { range, ticks: ticks.into_iter().collect(), scale: |value| value }
    }

    /// From 0 on, which has its place: the logarithm is that of one more.
    pub(super) fn logarithmic(most: f64, ticks: impl IntoIterator<Item = f64>) -> Self {
        Self { range: 0.0..most, ticks: ticks.into_iter().collect(), scale: f64::ln_1p }
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, until): (i32, i32)) -> i32 {
        let [value, low, high] = [*value, self.range.start, self.range.end].map(self.scale);
        from + (f64::from(until - from) * (value - low) / (high - low)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There is nothing between the ticks.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_its_place_on_a_logarithmic_axis() {
        let axis = Axis::logarithmic(999.0, []);
        let places = [0.0, 9.0, 99.0, 999.0].map(|value| axis.map(&value, (300, 0)));
        assert_eq!(places, [300, 200, 100, 0]);
    }
}
