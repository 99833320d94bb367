//! What a homeserver sees of its clients.

/// What a homeserver sees during some time.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests per second in the mean.
    pub mean: f64,
    /// Requests in the worst second.
    pub peak: u32,
    /// Requests per second in the worst whole minute.
    pub peak_minute: f64,
    /// How many seconds that is.
    pub seconds: usize,
}

impl Load {
    /// Of these seconds.
    pub fn of(seconds: &[u32]) -> Self {
        let sum = |seconds: &[u32]| seconds.iter().map(|n| f64::from(*n)).sum::<f64>();
        Self {
            mean: sum(seconds) / seconds.len().max(1) as f64,
            peak: seconds.iter().copied().max().unwrap_or(0),
            peak_minute: seconds.chunks_exact(60).map(sum).fold(0.0, f64::max) / 60.0,
            seconds: seconds.len(),
        }
    }

    /// How many times the mean load the worst second has.
    pub fn peak_ratio(&self) -> f64 {
        f64::from(self.peak) / self.mean
    }

    /// How many times the mean load the worst minute has.
    pub fn minute_ratio(&self) -> f64 {
        self.peak_minute / self.mean
    }

    /// How many times the mean load the worst second would have, if every client picked its moments at
    /// random and without regard to any other: what no schedule without a coordinator beats.
    pub fn chance_ratio(&self) -> f64 {
        f64::from(poisson_peak(self.mean, self.seconds)) / self.mean
    }
}

/// The peak to expect of so many seconds with `mean` events each that regard none other.
fn poisson_peak(mean: f64, seconds: usize) -> u32 {
    // The least `k` that is exceeded in less than one of two such spans.
    let allowed = 0.5 / seconds.max(1) as f64;
    let most = (mean + 20.0 * mean.sqrt() + 50.0) as u32;
    let mut log_probability = -mean;
    let probabilities: Vec<f64> = (0..=most)
        .map(|k| {
            if k > 0 {
                log_probability += mean.ln() - f64::from(k).ln();
            }
            log_probability.exp()
        })
        .collect();
    let mut beyond = 0.0;
    for k in (0..=most).rev() {
        beyond += probabilities[k as usize];
        if beyond > allowed {
            return k;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_of_poisson_is_as_in_the_books() {
        // P(X > 5) = 0.0006, P(X > 4) = 0.0037 for a mean of 1.
        assert_eq!(poisson_peak(1.0, 500), 5);
        assert!((500..540).contains(&poisson_peak(416.7, 600_000)));
    }
}
