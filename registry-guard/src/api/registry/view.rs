use serde::Serialize;
use serde::ser::Serializer;

use crate::api::answer::etag;
use crate::api::private_endpoint::PrivateEndpointView;
use crate::config::RegistryHost;
use crate::policy::{
    Action, BypassOptions, IpRules, PublicNetworkAccess, Registry, ServiceTagRule, SubnetId, SubnetRule, registry_id,
};

/// A registry as the service shows it.
#[derive(Serialize)]
pub(super) struct RegistryView<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    location: &'static str,
    sku: Sku,
    etag: String,
    revision: u64,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Sku {
    name: &'static str,
    tier: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties<'a> {
    login_server: &'a str,
    creation_date: &'a str,
    provisioning_state: &'static str,
    public_network_access: PublicNetworkAccess,
    network_rule_bypass_options: BypassOptions,
    data_endpoint_enabled: bool,
    data_endpoint_host_names: Vec<&'a str>,
    network_rule_set: NetworkRuleSet<'a>,
    private_endpoint_connections: Vec<PrivateEndpointView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NetworkRuleSet<'a> {
    default_action: Action,
    #[serde(serialize_with = "each_ip_rule")]
    ip_rules: &'a IpRules,
    #[serde(serialize_with = "each_subnet_rule")]
    virtual_network_rules: &'a [SubnetRule],
    #[serde(serialize_with = "each_service_tag_rule")]
    service_tag_rules: &'a [ServiceTagRule],
}

#[derive(Serialize)]
struct IpRuleView<'a> {
    action: Action,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubnetRuleView<'a> {
    action: Action,
    id: &'a SubnetId,
    virtual_network_subnet_resource_id: &'a SubnetId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceTagRuleView<'a> {
    action: Action,
    service_tag: &'a str,
}

impl<'a> RegistryView<'a> {
    pub(super) fn new(registry: &'a Registry, host: Option<&'a RegistryHost>, revision: u64) -> Self {
        let data_endpoints = host.filter(|_| registry.data_endpoint_enabled).map(|host| &host.data_endpoints);
        Self {
            id: registry_id(&registry.name),
            name: &registry.name,
            kind: "Microsoft.ContainerRegistry/registries",
            location: "local",
            sku: Sku { name: "Premium", tier: "Premium" },
            etag: etag(revision),
            revision,
            properties: Properties {
                login_server: host.map_or("", |host| &host.login_server),
                creation_date: &registry.created,
                provisioning_state: "Succeeded",
                public_network_access: registry.public_network_access,
                network_rule_bypass_options: registry.bypass,
                data_endpoint_enabled: registry.data_endpoint_enabled,
                data_endpoint_host_names: data_endpoints
                    .into_iter()
                    .flatten()
                    .map(|endpoint| endpoint.name.as_str())
                    .collect(),
                network_rule_set: NetworkRuleSet {
                    default_action: registry.default_action,
                    ip_rules: &registry.ip_rules,
                    virtual_network_rules: &registry.subnet_rules,
                    service_tag_rules: &registry.service_tag_rules,
                },
                private_endpoint_connections: registry
                    .private_endpoints
                    .iter()
                    .map(|endpoint| PrivateEndpointView::new(registry, endpoint))
                    .collect(),
            },
        }
    }
}

fn each_ip_rule<S: Serializer>(rules: &IpRules, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().map(|rule| IpRuleView { action: rule.action, value: &rule.value }))
}

fn each_subnet_rule<S: Serializer>(rules: &[SubnetRule], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().map(|rule| SubnetRuleView {
        action: rule.action,
        id: &rule.subnet,
        virtual_network_subnet_resource_id: &rule.subnet,
    }))
}

fn each_service_tag_rule<S: Serializer>(rules: &[ServiceTagRule], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().map(|rule| ServiceTagRuleView { action: rule.action, service_tag: &rule.tag }))
}
