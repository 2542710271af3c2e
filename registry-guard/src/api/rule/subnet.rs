use serde::Serialize;
use serde_json::{Value, json};

use super::{Named, Rule};
use crate::policy::{Action, Change, Policy, PolicyError, Registry, Subnet, SubnetId, SubnetRule};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    id: &'a SubnetId,
    virtual_network_subnet_resource_id: &'a SubnetId,
    /// Whether the subnet has the registry's service endpoint, without which the rule does nothing.
    effective: bool,
}

impl Rule for SubnetRule {
    fn all(registry: &Registry) -> impl Iterator<Item = &Self> {
        registry.subnet_rules.iter()
    }

    fn find<'p>(policy: &'p Policy, registry: &str, id: &str) -> Result<&'p Self, PolicyError> {
        policy.find_subnet_rule(registry, id)
    }

    fn add(registry: String, subnet_id: String, only_if_absent: bool, action: Option<String>) -> Change {
        Change::AddSubnetRule { registry, subnet_id, only_if_absent, action }
    }

    fn remove(registry: String, subnet_id: String) -> Change {
        Change::RemoveSubnetRule { registry, subnet_id }
    }

    fn removed(id: &str) -> Value {
        json!({"id": id, "virtualNetworkSubnetResourceId": id})
    }

    fn action(&self) -> Action {
        self.action
    }

    fn counter(&self) -> u32 {
        self.counter
    }

    fn named(&self) -> Named<'_> {
        Named::Subnet(&self.subnet)
    }

    fn source<'a>(&'a self, policy: &'a Policy) -> impl Serialize + 'a {
        let id = &self.subnet;
        let effective = policy.subnet(id).is_some_and(Subnet::serves_registry);
        Source { id, virtual_network_subnet_resource_id: id, effective }
    }
}
