//! The budget of denied events.

use aya::maps::{Array, MapData};

use super::KernelError;

/// How many denied packets the program may still tell about.
pub struct EventBudget(Array<MapData, i64>);

impl EventBudget {
    pub(super) fn new(map: Array<MapData, i64>) -> Self {
        Self(map)
    }

    /// Allows this many events from now on, whatever was left.
    pub fn refill(&mut self, events: u32) -> Result<(), KernelError> {
        Ok(self.0.set(0, i64::from(events), 0)?)
    }

    /// Whether the budget is used up.
    pub fn is_spent(&self) -> Result<bool, KernelError> {
        Ok(self.0.get(&0, 0)? <= 0)
    }
}
