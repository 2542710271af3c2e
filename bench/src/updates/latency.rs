use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// How long one thing took that was done many times, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: usize,
    pub(crate) median: f64,
    pub(crate) percentile_99: f64,
    pub(crate) longest: f64,
}

impl Latency {
    /// Of these; fails if there are none.
    pub(crate) fn of(took: &[Duration]) -> Result<Self> {
        let mut sorted = took.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| {
            // The smallest that so many percent do not exceed.
            let place = (sorted.len() * percent).div_ceil(100).checked_sub(1)?;
            Some(sorted.get(place)?.as_secs_f64() * 1000.0)
        };
        let percentile = |percent| at(percent).context("nothing was measured");
        Ok(Self {
            count: sorted.len(),
            median: percentile(50)?,
            percentile_99: percentile(99)?,
            longest: percentile(100)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_nine_of_a_hundred_take_no_longer_than_the_percentile() {
        let took: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let latency = Latency::of(&took).unwrap();
        let all = [latency.median, latency.percentile_99, latency.longest].map(|milliseconds| milliseconds.to_string());
        assert_eq!(all, ["50", "99", "100"]);
        assert!(Latency::of(&[]).is_err());
    }
}
