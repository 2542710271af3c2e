//! The prefixes that are let in: the same ones for each filter and in each run.

use std::collections::HashSet;

use ipnet::IpNet;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::shape::Family;
use crate::space::{Space, ends};

const SEED: u64 = 5;
/// Rules that stand close to each other, on average: whoever has some prefixes of a provider often has more of it.
const IN_A_CLUSTER: u32 = 48;
/// One rule of so many is a wide one, so that most addresses stay denied at any number of rules.
const WIDE: usize = 1000;
/// How long the prefixes of a cluster are; lengths that stand here more often are more often used.
const LENGTHS_V4: [u8; 16] = [24, 24, 24, 24, 24, 24, 25, 26, 27, 28, 29, 30, 32, 32, 32, 32];
const LENGTHS_V6: [u8; 16] = [48, 48, 48, 48, 52, 56, 56, 56, 60, 64, 64, 64, 64, 128, 128, 128];

/// Prefixes of one family, each once, in random order.
pub(crate) struct RuleSet {
    pub(crate) family: Family,
    pub(crate) prefixes: Vec<IpNet>,
    /// What they cover.
    pub(crate) space: Space,
}

impl RuleSet {
    /// `count` prefixes, between /12 and /32 (IPv6: between /32 and /128).
    pub(crate) fn new(family: Family, count: usize) -> Self {
        Self::seeded(SEED, family, count)
    }

    /// Others of the same kind.
    pub(crate) fn other(family: Family, count: usize) -> Self {
        Self::seeded(SEED + 1, family, count)
    }

    fn seeded(seed: u64, family: Family, count: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut known = HashSet::with_capacity(count);
        let mut prefixes = Vec::with_capacity(count);
        let mut cluster = cluster(family, &mut random);
        while prefixes.len() < count {
            if random.random_ratio(1, IN_A_CLUSTER) {
                cluster = self::cluster(family, &mut random);
            }
            let prefix = if prefixes.len() % WIDE == WIDE / 2 {
                wide(family, &mut random)
            } else {
                within(family, cluster, &mut random)
            };
            if known.insert(prefix) {
                prefixes.push(prefix);
            }
        }
        let space = Space::of(&prefixes);
        Self { family, prefixes, space }
    }

    /// The fewest prefixes that cover the same addresses, for filters that want them without overlap.
    pub(crate) fn aggregated(&self) -> Vec<IpNet> {
        IpNet::aggregate(&self.prefixes)
    }
}

/// Where some rules stand together.
fn cluster(family: Family, random: &mut StdRng) -> IpNet {
    let length = match family {
        Family::V4 => random.random_range(14..=19),
        Family::V6 => random.random_range(32..=40),
    };
    family.prefix(family.random_address(random), length)
}

fn wide(family: Family, random: &mut StdRng) -> IpNet {
    let length = match family {
        Family::V4 => random.random_range(12..=22),
        Family::V6 => random.random_range(32..=44),
    };
    family.prefix(family.random_address(random), length)
}

fn within(family: Family, cluster: IpNet, random: &mut StdRng) -> IpNet {
    let (first, last) = ends(&cluster);
    let lengths = match family {
        Family::V4 => &LENGTHS_V4,
        Family::V6 => &LENGTHS_V6,
    };
    family.prefix(random.random_range(first..=last), lengths[random.random_range(..lengths.len())])
}
