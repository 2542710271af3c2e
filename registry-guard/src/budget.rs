use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket that holds what two seconds give. As one that stands behind the kernel's own budget for denied connections has
/// to: the kernel counts by seconds of its clock, so that what it lets pass around the edge of two may come all at once.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, state: Mutex::new((2.0 * per_second, Instant::now())) }
    }

    /// Whether one more is within the budget; then it is used.
    pub(crate) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, before) = *state;
        let refilled = tokens + self.per_second * now.saturating_duration_since(before).as_secs_f64();
        let tokens = refilled.min(2.0 * self.per_second);
        let enough = tokens >= 1.0;
        *state = (if enough { tokens - 1.0 } else { tokens }, now.max(before));
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn two_seconds_of_the_budget_may_come_at_once_and_no_more() {
        let budget = Budget::new(3);
        let start = Instant::now();
        let taken = |at| (0..10).filter(|_| budget.take_at(at)).count();
        assert_eq!(taken(start), 6);
        assert_eq!(taken(start + Duration::from_millis(400)), 1);
        assert_eq!(taken(start + Duration::from_mins(1)), 6);
        assert_eq!(taken(start), 0, "a clock that seems to go back gives nothing");
    }

    #[test]
    fn a_budget_of_nothing_gives_nothing() {
        assert!(!Budget::new(0).take());
    }
}
