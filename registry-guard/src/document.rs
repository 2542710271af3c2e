//! The policy as a document that people keep: what `export` prints, and `apply` makes true.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::policy::{
    NetworkRequest, Policy, PolicyError, PolicyRequest, PrivateEndpoint, PrivateEndpointRequest, Registry,
    RegistryPatch, RegistryRequest, RuleRequest, Subnet, SubnetId, SubnetRequest, VirtualNetwork,
};

/// All of a document. A section or a value that is absent is left as it is; `null` stands for nothing and is refused.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Document {
    version: Version,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    virtual_networks: Option<Vec<NetworkEntry>>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    registries: Option<Vec<RegistryEntry>>,
}

/// The version of this format.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
struct Version;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NetworkEntry {
    name: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    vni: Option<i64>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    address_prefixes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    subnets: Option<Vec<SubnetEntry>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SubnetEntry {
    name: String,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    address_prefixes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    service_endpoints: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RegistryEntry {
    name: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    default_action: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    public_network_access: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    network_rule_bypass_options: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    data_endpoint_enabled: Option<bool>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    ip_rules: Option<Vec<IpRuleEntry>>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    virtual_network_rules: Option<Vec<SubnetRuleEntry>>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    service_tag_rules: Option<Vec<ServiceTagRuleEntry>>,
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    private_endpoint_connections: Option<Vec<PrivateEndpointEntry>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IpRuleEntry {
    ip_address_or_range: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

/// A subnet is named by its full id, or by its name beside that of its network.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SubnetRuleEntry {
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    virtual_network: Option<String>,
    subnet: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ServiceTagRuleEntry {
    service_tag: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    action: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PrivateEndpointEntry {
    name: String,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    virtual_network: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Document {
    /// Everything, or one registry alone (its name in any case), which leaves all the rest out.
    pub(crate) fn of(policy: &Policy, registry: Option<&str>) -> Result<Self, PolicyError> {
        let registries = match registry {
            Some(name) => vec![policy.find_registry(name)?],
            None => policy.registries.values().collect(),
        };
        Ok(Self {
            version: Version,
            virtual_networks: registry.is_none().then(|| policy.networks.values().map(NetworkEntry::of).collect()),
            registries: Some(registries.into_iter().map(RegistryEntry::of).collect()),
        })
    }

    /// What the document asks for, not checked against any policy.
    pub(crate) fn into_request(self) -> Result<PolicyRequest, PolicyError> {
        let registry = |(at, entry): (usize, RegistryEntry)| entry.into_request(&format!("registries[{at}]"));
        Ok(PolicyRequest {
            networks: self.virtual_networks.map(|list| list.into_iter().map(NetworkEntry::into_request).collect()),
            registries: self
                .registries
                .into_iter()
                .flatten()
                .enumerate()
                .map(registry)
                .collect::<Result<_, PolicyError>>()?,
        })
    }
}

impl NetworkEntry {
    fn of(network: &VirtualNetwork) -> Self {
        Self {
            name: network.name.clone(),
            vni: Some(network.vni.into()),
            address_prefixes: Some(texts(&network.prefixes)),
            subnets: Some(network.subnets.iter().map(SubnetEntry::of).collect()),
        }
    }

    fn into_request(self) -> (String, NetworkRequest) {
        let subnets = self.subnets.map(|list| list.into_iter().map(SubnetEntry::into_request).collect());
        (self.name, NetworkRequest { vni: self.vni, prefixes: self.address_prefixes, subnets })
    }
}

impl SubnetEntry {
    fn of(subnet: &Subnet) -> Self {
        Self {
            name: subnet.name.clone(),
            address_prefixes: Some(texts(&subnet.prefixes)),
            service_endpoints: Some(subnet.service_endpoints.clone()),
        }
    }

    fn into_request(self) -> (String, SubnetRequest) {
        (self.name, SubnetRequest { prefixes: self.address_prefixes, service_endpoints: self.service_endpoints })
    }
}

impl RegistryEntry {
    fn of(registry: &Registry) -> Self {
        let ip_rules = registry
            .ip_rules
            .iter()
            .map(|rule| IpRuleEntry { ip_address_or_range: rule.value.clone(), action: Some(rule.action.to_string()) });
        let subnet_rules = registry.subnet_rules.iter().map(|rule| SubnetRuleEntry {
            virtual_network: Some(rule.subnet.network.clone()),
            subnet: rule.subnet.subnet.clone(),
            action: Some(rule.action.to_string()),
        });
        let tag_rules = registry
            .service_tag_rules
            .iter()
            .map(|rule| ServiceTagRuleEntry { service_tag: rule.tag.clone(), action: Some(rule.action.to_string()) });
        Self {
            name: registry.name.clone(),
            default_action: Some(registry.default_action.to_string()),
            public_network_access: Some(registry.public_network_access.to_string()),
            network_rule_bypass_options: Some(registry.bypass.to_string()),
            data_endpoint_enabled: Some(registry.data_endpoint_enabled),
            ip_rules: Some(ip_rules.collect()),
            virtual_network_rules: Some(subnet_rules.collect()),
            service_tag_rules: Some(tag_rules.collect()),
            private_endpoint_connections: Some(
                registry.private_endpoints.iter().map(PrivateEndpointEntry::of).collect(),
            ),
        }
    }

    fn into_request(self, place: &str) -> Result<(String, RegistryRequest), PolicyError> {
        let ip_rule = |rule: IpRuleEntry| RuleRequest { value: rule.ip_address_or_range, action: rule.action };
        let tag_rule = |rule: ServiceTagRuleEntry| RuleRequest { value: rule.service_tag, action: rule.action };
        let subnet_rule = |(at, rule): (usize, SubnetRuleEntry)| {
            let value = rule.id(&format!("{place}.virtualNetworkRules[{at}]"))?;
            Ok(RuleRequest { value, action: rule.action })
        };
        let subnet_rules = self
            .virtual_network_rules
            .map(|rules| rules.into_iter().enumerate().map(subnet_rule).collect::<Result<_, PolicyError>>())
            .transpose()?;
        let patch = RegistryPatch {
            default_action: self.default_action,
            public_network_access: self.public_network_access,
            bypass: self.network_rule_bypass_options,
            data_endpoint_enabled: self.data_endpoint_enabled,
            ip_rules: self.ip_rules.map(|rules| rules.into_iter().map(ip_rule).collect()),
            subnet_rules,
            service_tag_rules: self.service_tag_rules.map(|rules| rules.into_iter().map(tag_rule).collect()),
        };
        let private_endpoints = self
            .private_endpoint_connections
            .map(|list| list.into_iter().map(PrivateEndpointEntry::into_request).collect());
        Ok((self.name, RegistryRequest { patch, private_endpoints }))
    }
}

impl SubnetRuleEntry {
    fn id(&self, place: &str) -> Result<String, PolicyError> {
        match &self.virtual_network {
            None if self.subnet.starts_with('/') => Ok(self.subnet.clone()),
            Some(network) if !self.subnet.starts_with('/') => {
                Ok(SubnetId::new(network.as_str(), self.subnet.as_str()).to_string())
            }
            Some(network) => {
                let problem = "stands beside a full id, which names the virtual network already";
                let accepted = "virtualNetwork with the name of a subnet, or the full id of a subnet alone";
                Err(PolicyError::invalid(format!("{place}.virtualNetwork"), network, problem, accepted))
            }
            None => {
                let accepted = "the name of the subnet's virtual network (or give the full id of the subnet)";
                Err(PolicyError::missing(format!("{place}.virtualNetwork"), accepted))
            }
        }
    }
}

impl PrivateEndpointEntry {
    fn of(endpoint: &PrivateEndpoint) -> Self {
        Self {
            name: endpoint.name.clone(),
            virtual_network: Some(endpoint.network.clone()),
            ip_address: Some(endpoint.address.to_string()),
            status: Some(endpoint.status.to_string()),
            description: Some(endpoint.description.clone()),
        }
    }

    fn into_request(self) -> (String, PrivateEndpointRequest) {
        let Self { name, virtual_network, ip_address, status, description } = self;
        (name, PrivateEndpointRequest { network: virtual_network, address: ip_address, status, description })
    }
}

impl TryFrom<u64> for Version {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("{number} is not known; accepted: 1")) }
    }
}

impl From<Version> for u64 {
    fn from(_: Version) -> Self {
        1
    }
}

/// A value that stands there, which `null` does not.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A list that stands there. What reads YAML would take nothing at all for an empty one, which would remove everything.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    deserializer.deserialize_any(ListVisitor(PhantomData)).map(Some)
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list ([] for an empty one; leave the key out to keep what there is)")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(elements))
    }
}

fn texts(list: &[impl ToString]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
