//! Random numbers in a range.

use fastrand::Rng;

/// Evenly distributed from `low` to `high`.
pub(super) fn uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    (high - low).mul_add(rng.f64(), low)
}
