use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::Quota;

/// What config.toml allows the policy to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most rules of all kinds and private endpoints, over all registries; the counter of each is below it.
    pub rules: u32,
    /// The registries, lower-case, whose IP rules may name private addresses.
    pub private_ip_rules: BTreeSet<String>,
    /// What each registry, lower-case, may have of its own; one that is not named has no such limit.
    pub quotas: BTreeMap<String, Quota>,
    /// Where each registry, lower-case, listens, data endpoints included. `0.0.0.0` stands for every IPv4 address, `::` for
    /// every address of both families.
    pub listening: BTreeMap<String, Vec<IpAddr>>,
    /// The cloud whose service tags are accepted; otherwise that of the first file.
    pub service_tags_cloud: Option<String>,
}

impl Limits {
    /// The limit when config.toml names none.
    pub const DEFAULT_RULES: u32 = 2_097_152;

    /// Whether the IP rules of `registry` (in any case) may name private addresses.
    pub fn allows_private(&self, registry: &str) -> bool {
        self.private_ip_rules.contains(&registry.to_ascii_lowercase())
    }

    /// What `registry` (in any case) may have.
    pub fn quota(&self, registry: &str) -> Quota {
        self.quotas.get(&registry.to_ascii_lowercase()).copied().unwrap_or_default()
    }

    /// Where `registry` (in any case) listens.
    pub fn listening(&self, registry: &str) -> &[IpAddr] {
        self.listening.get(&registry.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Whether `registry` (in any case) listens on this address, itself or through a wildcard.
    pub fn listens(&self, registry: &str, address: &IpAddr) -> bool {
        self.listening(registry).iter().any(|listening| {
            listening == address || (listening.is_unspecified() && (listening.is_ipv6() || address.is_ipv4()))
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rules: Self::DEFAULT_RULES,
            private_ip_rules: BTreeSet::new(),
            quotas: BTreeMap::new(),
            listening: BTreeMap::new(),
            service_tags_cloud: None,
        }
    }
}
