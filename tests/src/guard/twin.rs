use model::host::{Host, Rules};
use registry_guard::front::Front;
use registry_guard::kernel::Table;

use crate::naive;

/// The kernel's tables as plain collections, with the rows and the fronts that the agent makes of the policy.
pub(super) fn twin(naive: &naive::Policy, tables: &[Table]) -> Host {
    let rules = tables.iter().map(|table| {
        let rows: Vec<_> = table.iter().map(|row| (row.place().0, row.place().1, row.entry())).collect();
        let front = Front::build(rows.iter().map(|(bits, key, entry)| (*bits, *key, entry.reason())));
        Rules::new(rows, front.map(|front| front.memory().words().to_vec()))
    });
    Host::with_rules(naive, rules.collect())
}
