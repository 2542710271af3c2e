//! Where packets come from: addresses that are denied, or such as are let in.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::Serialize;

use crate::rule_set::RuleSet;
use crate::shape::Family;
use crate::space::ends;

const SEED: u64 = 443;
/// How far from the edge of a rule a near source is, in addresses; half of those of IPv6 are so many /64 away.
const NEAR: u128 = 256;

/// What an attacker aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Aim {
    /// One address that is denied.
    Fixed,
    /// Any addresses that are denied.
    Uniform,
    /// Addresses that are denied and stand close to the edge of a rule.
    Near,
    /// Addresses that a rule lets in.
    Allowed,
}

impl Aim {
    /// Those of denied packets.
    pub(crate) const DENIED: [Self; 3] = [Self::Fixed, Self::Uniform, Self::Near];

    /// As tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Uniform => "uniform",
            Self::Near => "near",
            Self::Allowed => "allowed",
        }
    }

    /// So many addresses, about which `rules` say what this aim wants.
    pub(crate) fn addresses(self, rules: &RuleSet, count: usize) -> Vec<u128> {
        let mut random = StdRng::seed_from_u64(SEED);
        let mut one = || loop {
            let address = self.candidate(rules, &mut random);
            if rules.family.is_unicast(address) && rules.space.contains(address) == (self == Self::Allowed) {
                return address;
            }
        };
        if self == Self::Fixed { vec![one(); count] } else { (0..count).map(|_| one()).collect() }
    }

    fn candidate(self, rules: &RuleSet, random: &mut StdRng) -> u128 {
        match self {
            Self::Fixed | Self::Uniform => rules.family.random_address(random),
            Self::Near => near(rules, random),
            Self::Allowed => inside(rules, random),
        }
    }
}

fn near(rules: &RuleSet, random: &mut StdRng) -> u128 {
    let Some(prefix) = rules.prefixes.choose(random) else {
        return rules.family.random_address(random);
    };
    let (first, last) = ends(prefix);
    let step = if rules.family == Family::V6 && random.random() { 1 << 64 } else { 1 };
    let distance = random.random_range(1..=NEAR) * step;
    if random.random() { last.saturating_add(distance) } else { first.saturating_sub(distance) }
}

fn inside(rules: &RuleSet, random: &mut StdRng) -> u128 {
    let Some(prefix) = rules.prefixes.choose(random) else {
        return rules.family.random_address(random);
    };
    let (first, last) = ends(prefix);
    random.random_range(first..=last)
}
