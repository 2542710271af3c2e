use crate::policy::{Action, Policy, PublicNetworkAccess, REGISTRY_SERVICE, Registry, Subnet, SubnetId};

/// Why a rule that was just made changes nothing at present, if so. `subnet` is what it names, unless it is an IP rule.
pub(super) fn why_none(
    policy: &Policy,
    registry: &Registry,
    action: Action,
    subnet: Option<&SubnetId>,
) -> Option<String> {
    let name = &registry.name;
    if registry.public_network_access == PublicNetworkAccess::Disabled {
        return Some(format!(
            "public network access of registry {name} is disabled, so no rule counts until it is enabled"
        ));
    }
    if let Some(id) = subnet
        && !policy.subnet(id).is_some_and(Subnet::serves_registry)
    {
        let (network, subnet) = (&id.network, &id.subnet);
        return Some(format!(
            "subnet {subnet} of virtual network {network} has no service endpoint {REGISTRY_SERVICE}, so the rule does not \
             count until it has"
        ));
    }
    (registry.default_action == action).then(|| {
        format!("the default action of registry {name} is {action} as well, so the rule only counts inside of others")
    })
}
