use std::collections::BTreeSet;

/// What config.toml allows the policy to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most rules of both kinds, over all registries; every rule's counter is below it.
    pub rules: u32,
    /// The registries, lower-case, whose IP rules may name private addresses.
    pub private_ip_rules: BTreeSet<String>,
}

impl Limits {
    /// The limit when config.toml names none.
    pub const DEFAULT_RULES: u32 = 2_097_152;

    /// Whether the IP rules of `registry` (in any case) may name private addresses.
    pub fn allows_private(&self, registry: &str) -> bool {
        self.private_ip_rules.contains(&registry.to_ascii_lowercase())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { rules: Self::DEFAULT_RULES, private_ip_rules: BTreeSet::new() }
    }
}
