//! Counts by the second, fast.

use std::{panic, thread};

/// So many seconds are counted together: their counters fit into a processor's nearest cache.
const STRETCH: usize = 1 << 12;

/// So many events of a stretch are gathered before they are counted.
const BATCH: usize = 1 << 10;

/// How often something happened in each second of a week.
///
/// One client's requests are spread over the whole week, whose counters fit into no cache. So events
/// are gathered by stretch of time, and a stretch's counters are only touched once per batch.
#[derive(Debug)]
pub(crate) struct Histogram {
    seconds: Vec<u32>,
    gathered: Vec<Vec<u16>>,
}

impl Histogram {
    /// A histogram of so many seconds, each counted 0 times.
    pub(crate) fn new(seconds: usize) -> Self {
        let stretches = seconds.div_ceil(STRETCH);
        Self { seconds: vec![0; seconds], gathered: vec![Vec::with_capacity(BATCH); stretches] }
    }

    /// It happened in this second. Ignored if that is beyond the last one.
    pub(crate) fn count(&mut self, second: u64) {
        let second = second as usize;
        if second >= self.seconds.len() {
            return;
        }
        let stretch = second / STRETCH;
        self.gathered[stretch].push((second % STRETCH) as u16);
        if self.gathered[stretch].len() == BATCH {
            self.flush(stretch);
        }
    }

    fn flush(&mut self, stretch: usize) {
        let counters = &mut self.seconds[stretch * STRETCH..];
        for second in self.gathered[stretch].drain(..) {
            counters[usize::from(second)] += 1;
        }
    }

    /// The counts, one per second.
    pub(crate) fn into_seconds(mut self) -> Vec<u32> {
        (0..self.gathered.len()).for_each(|stretch| self.flush(stretch));
        self.seconds
    }
}

/// Plays so many clients, each on its own, on all cores: `play` is given the number of each, and what
/// counts its requests in the first `seconds` seconds.
pub(crate) fn of_all(
    clients: u32,
    seconds: usize,
    play: impl Fn(u64, &mut Histogram) + Sync,
) -> Vec<u32> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    let count = |nth: u32| {
        let mut histogram = Histogram::new(seconds);
        for client in (nth..clients).step_by(threads as usize) {
            play(u64::from(client), &mut histogram);
        }
        histogram.into_seconds()
    };
    thread::scope(|scope| {
        let count = &count;
        let workers: Vec<_> = (0..threads).map(|nth| scope.spawn(move || count(nth))).collect();
        let mut sum = vec![0; seconds];
        for worker in workers {
            let part = worker.join().unwrap_or_else(|why| panic::resume_unwind(why));
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_second_as_often_as_it_was_told() {
        let mut histogram = Histogram::new(10_000);
        for second in (0..3_000_000_u64).map(|n| n * 7 % 12_000) {
            histogram.count(second);
        }
        assert_eq!(histogram.into_seconds(), [250; 10_000]);
    }
}
