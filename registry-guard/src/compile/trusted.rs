use ipnet::IpNet;

/// Where the services come from that this host trusts: a fact about the host. No prefix lies within another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedPrefixes(Vec<IpNet>);

impl TrustedPrefixes {
    /// Sorted, so that a search finds the only one that can cover a prefix.
    pub fn new(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        let mut prefixes = IpNet::aggregate(&prefixes.into_iter().collect());
        prefixes.sort_unstable();
        Self(prefixes)
    }

    /// How many prefixes a registry's table may hold: these on top of as many as there may be rules.
    pub fn capacity(&self, rules: u32) -> u32 {
        rules.saturating_add(u32::try_from(self.0.len()).unwrap_or(u32::MAX))
    }

    /// The prefixes, aggregated.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> {
        self.0.iter().copied()
    }

    /// Whether every address of `prefix` is one of a trusted service.
    pub fn cover(&self, prefix: &IpNet) -> bool {
        let behind = self.0.partition_point(|trusted| trusted <= prefix);
        behind.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|trusted| trusted.contains(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(prefixes: &[&str]) -> TrustedPrefixes {
        TrustedPrefixes::new(prefixes.iter().map(|prefix| prefix.parse().unwrap()))
    }

    #[test]
    fn neighbours_become_one_and_what_is_inside_another_is_left_out() {
        let prefixes =
            ["198.51.100.128/25", "2001:db8::/33", "198.51.100.0/25", "198.51.100.7/32", "2001:db8:8000::/33"];
        let shown: Vec<String> = trusted(&prefixes).iter().map(|prefix| prefix.to_string()).collect();
        assert_eq!(shown, ["198.51.100.0/24", "2001:db8::/32"]);
    }

    #[test]
    fn a_prefix_is_covered_by_one_that_is_as_wide_or_wider() {
        let trusted = trusted(&["192.0.2.0/25", "198.51.100.0/24", "203.0.113.9/32", "2001:db8::/32"]);
        for inside in [
            "192.0.2.0/25",
            "192.0.2.127/32",
            "198.51.100.0/24",
            "198.51.100.255/32",
            "203.0.113.9/32",
            "2001:db8::/32",
        ] {
            assert!(trusted.cover(&inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "0.0.0.0/0",
            "192.0.2.0/24",
            "192.0.2.128/32",
            "198.51.100.0/23",
            "203.0.113.8/32",
            "203.0.113.10/32",
            "::/0",
        ] {
            assert!(!trusted.cover(&outside.parse().unwrap()), "{outside}");
        }
        assert!(!TrustedPrefixes::default().cover(&"203.0.113.9/32".parse().unwrap()));
    }
}
