//! Figures of many rounds: their median, and how far they spread.

use std::time::Duration;

use serde::Serialize;

/// Nanoseconds that each of `count` took of the time of all.
#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52 in a bench")]
pub(crate) fn nanoseconds_of_each(all: Duration, count: u64) -> f64 {
    all.as_secs_f64() * 1e9 / count as f64
}

/// What several rounds gave.
#[derive(Clone, Debug)]
pub(crate) struct Figures(Vec<f64>);

/// What stands in a report for many rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Figures {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// Each over that of the same round.
    pub(crate) fn over(&self, below: &Self) -> Self {
        self.0.iter().zip(&below.0).map(|(above, below)| above / below).collect()
    }

    /// Lowest, middle and highest; nothing if nothing was measured.
    pub(crate) fn spread(&self) -> Option<Spread> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len().checked_sub(1)? / 2;
        let median = f64::midpoint(sorted[middle], sorted[sorted.len() / 2]);
        Some(Spread { low: sorted[0], median, high: sorted[sorted.len() - 1] })
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let spread = |figures: &[f64]| {
            let Spread { low, median, high } = figures.iter().copied().collect::<Figures>().spread()?;
            Some(format!("{low} {median} {high}"))
        };
        assert_eq!(spread(&[4.0, 1.0, 2.0, 10.0]).as_deref(), Some("1 3 10"));
        assert_eq!(spread(&[7.0, 1.0, 9.0]).as_deref(), Some("1 7 9"));
        assert_eq!(spread(&[]), None);
    }
}
