//! Addresses of one family that prefixes cover.

use ipnet::IpNet;

/// Ranges of addresses, first and last, in order and apart from each other.
pub(crate) struct Space(Vec<(u128, u128)>);

impl Space {
    pub(crate) fn of(prefixes: &[IpNet]) -> Self {
        let mut ranges: Vec<(u128, u128)> = prefixes.iter().map(ends).collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, before| {
            let joined = next.0 <= before.1.saturating_add(1);
            if joined {
                before.1 = before.1.max(next.1);
            }
            joined
        });
        Self(ranges)
    }

    pub(crate) fn contains(&self, address: u128) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= address);
        after > 0 && address <= self.0[after - 1].1
    }
}

/// The first and the last address of a prefix.
pub(crate) fn ends(prefix: &IpNet) -> (u128, u128) {
    match prefix {
        IpNet::V4(net) => (u32::from(net.network()).into(), u32::from(net.broadcast()).into()),
        IpNet::V6(net) => (net.network().into(), net.broadcast().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_or_overlap_are_one() {
        let prefixes = ["10.0.0.0/24", "10.0.1.0/24", "10.0.0.128/25", "10.0.3.7/32"];
        let space = Space::of(&prefixes.map(|prefix| prefix.parse().unwrap()));
        assert_eq!(space.0.len(), 2);
        let address = |text: &str| u128::from(text.parse::<std::net::Ipv4Addr>().unwrap().to_bits());
        assert!(space.contains(address("10.0.1.255")) && space.contains(address("10.0.3.7")));
        assert!(!space.contains(address("10.0.2.0")) && !space.contains(address("9.255.255.255")));
    }
}
