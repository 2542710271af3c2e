use std::iter::successors;

use ipnet::IpNet;

use crate::policy::{Action, Policy, PublicNetworkAccess, REGISTRY_SERVICE, Registry, Subnet, SubnetId};

/// What a rule names.
#[derive(Clone, Copy)]
pub(super) enum Named<'a> {
    Prefix(&'a IpNet),
    Subnet(&'a SubnetId),
    ServiceTag,
}

/// Why a rule that was just made changes nothing at present, if so.
pub(super) fn why_none(policy: &Policy, registry: &Registry, action: Action, named: Named<'_>) -> Option<String> {
    let name = &registry.name;
    if registry.public_network_access == PublicNetworkAccess::Disabled {
        return Some(format!(
            "public network access of registry {name} is disabled, so no rule counts until it is enabled"
        ));
    }
    if let Named::Subnet(id) = named
        && !policy.subnet(id).is_some_and(Subnet::serves_registry)
    {
        let (network, subnet) = (&id.network, &id.subnet);
        return Some(format!(
            "subnet {subnet} of virtual network {network} has no service endpoint {REGISTRY_SERVICE}, so the rule does not \
             count until it has"
        ));
    }
    (registry.default_action == action && !may_be_exception(registry, action, named)).then(|| {
        format!("the default action of registry {name} is {action} as well, so the rule only counts inside of others")
    })
}

/// Whether other rules may decide otherwise about what this rule names.
fn may_be_exception(registry: &Registry, action: Action, named: Named<'_>) -> bool {
    let tags_differ = || registry.service_tag_rules.iter().any(|rule| rule.action != action);
    match named {
        Named::Prefix(prefix) => {
            let wider = successors(prefix.supernet(), IpNet::supernet);
            tags_differ() || wider.filter_map(|wider| registry.ip_rules.get(&wider)).any(|rule| rule.action != action)
        }
        Named::Subnet(_) => registry.subnet_rules.iter().any(|rule| rule.action != action),
        Named::ServiceTag => tags_differ() || registry.ip_rules.iter().any(|rule| rule.action != action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{IpRule, Settings};

    fn note(ip_rule: &str, prefix: &str) -> Option<String> {
        let mut policy = Policy::default();
        let mut registry = Registry::new("contoso", 0, "2026-01-01T00:00:00Z", Settings::FRESH);
        let allowed = ip_rule.parse().unwrap();
        registry.ip_rules.insert(IpRule {
            value: ip_rule.to_owned(),
            prefix: allowed,
            action: Action::Allow,
            counter: 0,
        });
        policy.registries.insert("contoso".to_owned(), registry.clone());
        why_none(&policy, &registry, Action::Deny, Named::Prefix(&prefix.parse().unwrap()))
    }

    #[test]
    fn an_exception_has_an_effect_and_a_repeated_default_has_none() {
        assert_eq!(note("203.0.113.0/24", "203.0.113.66/32"), None);
        assert_eq!(note("2001:db8::/32", "2001:db8:6::/48"), None);
        let alone = note("203.0.113.0/24", "198.51.100.0/24").unwrap();
        assert!(alone.contains("the default action of registry contoso is Deny as well"), "{alone}");
        assert!(note("203.0.113.0/24", "203.0.0.0/16").is_some(), "the narrower rule goes on deciding");
    }
}
