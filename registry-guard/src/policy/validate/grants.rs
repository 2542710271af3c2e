use crate::policy::{Limits, Policy, PolicyError};

/// Hands out counters to the new rules of one change: the lowest that nobody has, and only when there are no more of
/// those, one whose rule goes in the same step.
pub(super) struct Grants<'a> {
    free: Box<dyn Iterator<Item = u32> + 'a>,
    limit: u32,
    /// Those whose rules go in the same step, and that nobody has been granted.
    leaving: Vec<u32>,
    /// How many rules there will be once those granted so far exist and those given back are gone.
    rules: usize,
}

impl<'a> Grants<'a> {
    pub(super) fn new(policy: &'a Policy, limits: &Limits) -> Self {
        Self {
            free: Box::new(policy.counters.free(limits.rules)),
            limit: limits.rules,
            leaving: Vec::new(),
            rules: policy.counters.used(),
        }
    }

    /// Counters for `count` rules that come as the rules with the counters `leaving` go.
    pub(super) fn exchange(&mut self, count: usize, leaving: Vec<u32>) -> Result<Vec<u32>, PolicyError> {
        self.rules = (self.rules + count).saturating_sub(leaving.len());
        let limit = self.limit;
        let mut granted: Vec<u32> = self.free.by_ref().take(count).collect();
        self.leaving.extend(leaving.into_iter().filter(|counter| *counter < limit));
        let wanting = (count - granted.len()).min(self.leaving.len());
        granted.extend(self.leaving.drain(..wanting));
        if granted.len() < count {
            return Err(PolicyError::QuotaExceeded { asked: self.rules, limit });
        }
        Ok(granted)
    }

    /// A counter for one rule that comes as none goes.
    pub(super) fn one(&mut self) -> Result<u32, PolicyError> {
        self.rules += 1;
        let granted = self.free.next().or_else(|| self.leaving.pop());
        granted.ok_or(PolicyError::QuotaExceeded { asked: self.rules, limit: self.limit })
    }
}
