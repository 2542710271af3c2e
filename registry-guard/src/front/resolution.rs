//! How many cells a summary needs.

use std::ops::RangeInclusive;

use registry_guard_common::{Root, Summary};

use super::item::Item;

const RESOLUTIONS: RangeInclusive<u32> = Summary::COARSE..=Summary::FINEST;
/// A summary tells nearly everything if no more than one of so many cells may be covered.
const FEW: u64 = 16;
/// Cells that an item may cost, so that they take two bytes for each.
const CELLS: u64 = 16;

/// The resolution of a summary for `items`, which are in order, none covering another, if the one in the head says too little of them:
/// the lowest at which few cells may be covered, or hardly more of them than at the finest.
pub(super) fn finer(root: Root, items: &[Item]) -> Option<u32> {
    let affordable = (items.len() as u64).saturating_mul(CELLS).checked_ilog2()?;
    if affordable <= Summary::COARSE {
        return None;
    }
    // In cells of the finest.
    let share = |(resolution, covered): (u32, u64)| (resolution, covered << (Summary::FINEST - resolution));
    let shares: Vec<(u32, u64)> = RESOLUTIONS.zip(covered(root, items)).map(share).collect();
    let (_, least) = *shares.last()?;
    let enough = (least + least / 4).max((1 << Summary::FINEST) / FEW);
    let (wanted, _) = *shares.iter().find(|(_, share)| *share <= enough)?;
    Some(wanted.min(affordable)).filter(|resolution| *resolution > Summary::COARSE)
}

/// How many cells `items` touch at each resolution, or a few more.
fn covered(root: Root, items: &[Item]) -> Vec<u64> {
    let looked_at = |resolution: u32| root.before_cells() + resolution;
    let mut covered: Vec<u64> = RESOLUTIONS.map(|_| u64::from(!items.is_empty())).collect();
    for pair in items.windows(2) {
        let common = pair[0].common(&pair[1]);
        for (resolution, count) in RESOLUTIONS.zip(&mut covered) {
            *count += u64::from(common < looked_at(resolution));
        }
    }
    for item in items {
        for (resolution, count) in RESOLUTIONS.zip(&mut covered) {
            *count += (1 << looked_at(resolution).saturating_sub(item.length()).min(resolution)) - 1;
        }
    }
    covered
}
