use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Counters, PrivateEndpoint, Registry, ServiceTagRule, ServiceTags, Subnet, SubnetId, VirtualNetwork};

/// Everything that was decided through the API, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Grows by one with each change that changes something.
    pub revision: u64,
    /// By lower-case name.
    pub registries: BTreeMap<String, Registry>,
    /// By lower-case name.
    pub networks: BTreeMap<String, VirtualNetwork>,
    /// The service tags, once a file of them was imported.
    pub service_tags: Option<Arc<ServiceTags>>,
    /// The counters that belong to a rule or a private endpoint: of these registries, or of ones that config.toml does not
    /// name at present.
    pub counters: Counters,
}

impl Policy {
    /// A policy without service tags whose rules have their counters; `reserved` are counters that none of these rules may be given.
    pub fn new(
        revision: u64,
        registries: BTreeMap<String, Registry>,
        networks: BTreeMap<String, VirtualNetwork>,
        reserved: impl IntoIterator<Item = u32>,
    ) -> Self {
        let mut counters = Counters::default();
        for registry in registries.values() {
            for rule in registry.ip_rules.iter() {
                counters.take(rule.counter);
            }
            for rule in &registry.subnet_rules {
                counters.take(rule.counter);
            }
            for rule in &registry.service_tag_rules {
                counters.take(rule.counter);
            }
            for endpoint in &registry.private_endpoints {
                counters.take(endpoint.counter);
            }
        }
        for counter in reserved {
            counters.take(counter);
        }
        Self { revision, registries, networks, service_tags: None, counters }
    }

    /// The registry `name`, in any case.
    pub fn registry(&self, name: &str) -> Option<&Registry> {
        self.registries.get(&name.to_ascii_lowercase())
    }

    /// The virtual network `name`, in any case.
    pub fn network(&self, name: &str) -> Option<&VirtualNetwork> {
        self.networks.get(&name.to_ascii_lowercase())
    }

    /// The subnet `id`, in any case.
    pub fn subnet(&self, id: &SubnetId) -> Option<&Subnet> {
        self.network(&id.network)?.subnet(&id.subnet)
    }

    /// The first registry with a rule that names `id`.
    pub fn registry_that_names(&self, id: &SubnetId) -> Option<&Registry> {
        self.registries.values().find(|registry| registry.subnet_rule(id).is_some())
    }

    /// The prefixes of the service tag `name`, in any case, at present; none when there is no such tag.
    pub fn service_tag_prefixes(&self, name: &str) -> &[IpNet] {
        self.service_tags.as_ref().map_or(&[], |tags| tags.prefixes(name))
    }

    /// The service-tag rules of `registry` whose tag has no prefixes at present.
    pub fn unresolved_service_tags<'a>(&'a self, registry: &'a Registry) -> impl Iterator<Item = &'a ServiceTagRule> {
        registry.service_tag_rules.iter().filter(|rule| self.service_tag_prefixes(&rule.tag).is_empty())
    }

    /// The private endpoints in the virtual network `name`, in any case, each with its registry.
    pub fn private_endpoints_in<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a Registry, &'a PrivateEndpoint)> {
        let of = |registry: &'a Registry| registry.private_endpoints.iter().map(move |endpoint| (registry, endpoint));
        self.registries.values().flat_map(of).filter(move |(_, endpoint)| endpoint.is_in(name))
    }
}
