//! The naive policy in the words of the agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use registry_guard::compile::TrustedPrefixes;
use registry_guard::kernel;
use registry_guard::policy::{
    Action, BypassOptions, ConnectionStatus, IpRule, Policy, PrivateEndpoint, PublicNetworkAccess, REGISTRY_SERVICE,
    Registry, ServiceTag, ServiceTagRule, ServiceTags, Settings, Subnet, SubnetId, SubnetRule, VirtualNetwork,
};

use crate::naive;

/// Every registry is in the slot of its index. Each tag becomes a network of its own with a subnet for each prefix.
pub(super) fn policy(naive: &naive::Policy) -> Policy {
    let mut policy = Policy::default();
    let mut counter = 0..;
    let mut tags = BTreeMap::new();
    for (slot, registry) in (0..).zip(&naive.registries) {
        let mut compiled = Registry::new(format!("registry{slot}"), slot, "2026-01-01T00:00:00Z", settings(registry));
        for rule in &registry.rules {
            let action = if rule.allow { Action::Allow } else { Action::Deny };
            let counter = counter.next().unwrap_or(u32::MAX);
            if rule.tag == 0 {
                let value = rule.prefix.to_string();
                compiled.ip_rules.insert(IpRule { value, prefix: rule.prefix, action, counter });
            } else {
                let subnet = subnet(&mut policy.networks, rule);
                compiled.subnet_rules.push(SubnetRule { subnet, action, counter });
            }
        }
        for (place, naive) in registry.service_tags.iter().enumerate() {
            let tag = format!("registry{slot}.tag{place}");
            let action = if naive.allow { Action::Allow } else { Action::Deny };
            tags.insert(tag.clone(), service_tag(&tag, naive));
            compiled.service_tag_rules.push(ServiceTagRule {
                tag,
                action,
                counter: counter.next().unwrap_or(u32::MAX),
            });
        }
        for endpoint in &registry.private_endpoints {
            compiled.private_endpoints.push(PrivateEndpoint {
                name: format!("endpoint{}", compiled.private_endpoints.len()),
                network: network(&mut policy.networks, endpoint.tag).name.clone(),
                address: endpoint.address,
                status: ConnectionStatus::Approved,
                description: String::new(),
                counter: counter.next().unwrap_or(u32::MAX),
            });
        }
        policy.registries.insert(compiled.name.clone(), compiled);
    }
    let (cloud, imported) = ("Public".to_owned(), "2026-01-01T00:00:00Z".to_owned());
    policy.service_tags = Some(Arc::new(ServiceTags { cloud, change_number: 1, imported, tags }));
    policy
}

fn service_tag(name: &str, naive: &naive::ServiceTag) -> ServiceTag {
    let mut prefixes = naive.prefixes.clone();
    prefixes.sort_unstable();
    prefixes.dedup();
    ServiceTag {
        name: name.to_owned(),
        change_number: None,
        region: String::new(),
        platform: String::new(),
        system_service: String::new(),
        prefixes,
    }
}

/// The prefixes of the services that `naive` trusts.
pub(super) fn trusted(naive: &naive::Policy) -> TrustedPrefixes {
    TrustedPrefixes::new(naive.trusted_services.iter().copied())
}

/// What the program knows about the host that `naive` describes.
pub(super) fn host_tables(naive: &naive::Policy) -> kernel::HostTables {
    kernel::HostTables {
        vxlan_port: naive.vxlan_port,
        trusted_vteps: naive.trusted_vteps.clone(),
        endpoints: model::host::endpoints(naive),
        budgets: BTreeMap::new(),
    }
}

fn settings(registry: &naive::Registry) -> Settings {
    Settings {
        default_action: if registry.default_allow { Action::Allow } else { Action::Deny },
        public_network_access: if registry.public_network_access {
            PublicNetworkAccess::Enabled
        } else {
            PublicNetworkAccess::Disabled
        },
        bypass: if registry.bypass { BypassOptions::AzureServices } else { BypassOptions::None },
        ..Settings::FRESH
    }
}

fn subnet(networks: &mut BTreeMap<String, VirtualNetwork>, rule: &naive::Rule) -> SubnetId {
    let network = network(networks, rule.tag);
    let subnet = format!("subnet{}", network.subnets.len());
    network.subnets.push(Subnet {
        name: subnet.clone(),
        prefixes: vec![rule.prefix],
        service_endpoints: vec![REGISTRY_SERVICE.to_owned()],
    });
    SubnetId::new(network.name.clone(), subnet)
}

fn network(networks: &mut BTreeMap<String, VirtualNetwork>, vni: u32) -> &mut VirtualNetwork {
    let name = format!("network{vni}");
    networks.entry(name.clone()).or_insert(VirtualNetwork { name, vni, prefixes: Vec::new(), subnets: Vec::new() })
}
