//! Carries out a plan, and takes it back when the change could not be stored.

use crate::compile::{TrustedPrefixes, compile};
use crate::kernel::{Kernel, KernelError, LoadedTable, Row};
use crate::plan::Plan;
use crate::policy::Policy;

/// A plan with all that can fail or takes long already done, apart from the kernel's tables in force.
pub(super) enum Enforcement {
    Nothing,
    Insert { slot: u32, row: Row, before: Option<Row> },
    Remove { slot: u32, row: Row },
    Swap(Vec<Swap>),
}

/// A table that is to be, or was, in force.
pub(super) struct Swap {
    slot: u32,
    table: Option<LoadedTable>,
}

impl Enforcement {
    /// Builds what `plan` puts in force. `after` is the policy as it will be, and is only asked when tables are built, which
    /// hold `rules` prefixes at the most beside those of trusted services.
    pub(super) fn prepare(
        plan: Plan,
        after: Option<&Policy>,
        trusted: &TrustedPrefixes,
        rules: u32,
    ) -> Result<Self, KernelError> {
        let capacity = trusted.capacity(rules);
        Ok(match (plan, after) {
            (Plan::Insert { slot, row, before }, _) => Self::Insert { slot, row, before },
            (Plan::Remove { slot, row }, _) => Self::Remove { slot, row },
            (Plan::Swap(registries), Some(after)) => {
                let mut swaps = Vec::new();
                for registry in registries.iter().filter_map(|name| after.registries.get(name)) {
                    let table = compile(registry, after, trusted);
                    swaps.push(Swap { slot: registry.slot, table: Some(LoadedTable::build(&table, capacity)?) });
                }
                Self::Swap(swaps)
            }
            (Plan::Nothing | Plan::Swap(_), _) => Self::Nothing,
        })
    }

    /// Puts it in force. What it replaces is kept for [`Enforcement::undo`].
    pub(super) fn enforce(&mut self, kernel: &mut Kernel) -> Result<(), KernelError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Insert { slot, row, before } => kernel.insert(*slot, row, before.as_ref()),
            Self::Remove { slot, row } => kernel.remove(*slot, row),
            Self::Swap(swaps) => exchange_all(swaps, kernel),
        }
    }

    /// Puts back what was in force before [`Enforcement::enforce`] succeeded.
    pub(super) fn undo(&mut self, kernel: &mut Kernel) -> Result<(), KernelError> {
        match self {
            Self::Nothing => Ok(()),
            Self::Insert { slot, before: Some(before), row } => kernel.insert(*slot, before, Some(row)),
            Self::Insert { slot, row, before: None } => kernel.remove(*slot, row),
            Self::Remove { slot, row } => kernel.insert(*slot, row, None),
            Self::Swap(swaps) => swaps.iter_mut().try_for_each(|swap| exchange(swap, kernel)),
        }
    }
}

/// What is left here when a change is over is not in force: a table that was replaced, or one that was never put in force.
impl Drop for Swap {
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            table.retire();
        }
    }
}

/// All of them, or none: what was exchanged before one failed is exchanged back.
fn exchange_all(swaps: &mut [Swap], kernel: &mut Kernel) -> Result<(), KernelError> {
    let mut done: Vec<&mut Swap> = Vec::with_capacity(swaps.len());
    for swap in swaps {
        if let Err(problem) = exchange(swap, kernel) {
            done.into_iter().try_for_each(|swap| exchange(swap, kernel))?;
            return Err(problem);
        }
        done.push(swap);
    }
    Ok(())
}

fn exchange(swap: &mut Swap, kernel: &mut Kernel) -> Result<(), KernelError> {
    if let Some(table) = swap.table.take() {
        swap.table = kernel.swap(swap.slot, table)?;
    }
    Ok(())
}
