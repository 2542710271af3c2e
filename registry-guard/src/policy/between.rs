use super::{Edit, Policy, Registry, VirtualNetwork};

impl Policy {
    /// Edits that tell how `after` differs from this policy, for a reader; the registries are those that both have.
    pub fn edits_towards(&self, after: &Self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let gone = self.networks.keys().filter(|key| !after.networks.contains_key(*key));
        edits.extend(gone.map(|key| Edit::RemoveNetwork(key.clone())));
        let other = |(key, network): &(&String, &VirtualNetwork)| self.networks.get(*key) != Some(*network);
        edits.extend(after.networks.iter().filter(other).map(|(_, network)| Edit::PutNetwork(network.clone())));
        if self.service_tags != after.service_tags {
            edits.push(after.service_tags.clone().map_or(Edit::DropServiceTags, Edit::ImportServiceTags));
        }
        for (key, registry) in &self.registries {
            if let Some(after) = after.registries.get(key) {
                edits.extend(of_registry(key, registry, after));
            }
        }
        edits
    }
}

/// The lists whole: who reads them compares them.
fn of_registry(key: &str, before: &Registry, after: &Registry) -> Vec<Edit> {
    let registry = || key.to_owned();
    let mut edits = vec![
        Edit::SetRegistry { registry: registry(), settings: after.settings() },
        Edit::ReplaceIpRules { registry: registry(), rules: after.ip_rules.clone() },
        Edit::ReplaceSubnetRules { registry: registry(), rules: after.subnet_rules.clone() },
        Edit::ReplaceServiceTagRules { registry: registry(), rules: after.service_tag_rules.clone() },
    ];
    let gone = before.private_endpoints.iter().filter(|endpoint| after.private_endpoint(&endpoint.name).is_none());
    edits.extend(gone.map(|endpoint| Edit::RemovePrivateEndpoint {
        registry: registry(),
        name: endpoint.name.to_ascii_lowercase(),
    }));
    let present = after.private_endpoints.iter().cloned();
    edits.extend(present.map(|endpoint| Edit::PutPrivateEndpoint { registry: registry(), endpoint }));
    edits
}
