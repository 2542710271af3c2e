//! The form in which rules are remembered: without their hit counters, which belong to the rules of today, and as short as it can be,
//! since there may be a million.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::list::Keyed;
use crate::policy::{
    Action, BypassOptions, ConnectionStatus, IpRule, PrivateEndpoint, PublicNetworkAccess, ServiceTag, ServiceTagRule,
    Settings, Subnet, SubnetId, SubnetRule, VirtualNetwork,
};

/// Stands for the hit counter of a rule that is no rule of today.
const NO_COUNTER: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IpRecord {
    prefix: IpNet,
    spelling: Spelling,
    denies: bool,
}

/// How the owner spelled a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Spelling {
    Canonical,
    Address,
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SubnetRecord {
    network: String,
    subnet: String,
    denies: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TagRecord {
    tag: String,
    denies: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EndpointRecord {
    name: String,
    network: String,
    address: IpAddr,
    status: Status,
    description: String,
}

/// In this order, since the number is what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Approved,
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, as it is written")]
pub(super) struct SettingsRecord {
    denies: bool,
    public_network_enabled: bool,
    trusts_services: bool,
    data_endpoint_enabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NetworkRecord {
    name: String,
    vni: u32,
    prefixes: Vec<IpNet>,
    subnets: Vec<SubnetOfNetwork>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SubnetOfNetwork {
    name: String,
    prefixes: Vec<IpNet>,
    service_endpoints: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServiceTagRecord {
    name: String,
    change_number: Option<u64>,
    region: String,
    platform: String,
    system_service: String,
    prefixes: Vec<IpNet>,
}

fn action(denies: bool) -> Action {
    if denies { Action::Deny } else { Action::Allow }
}

impl IpRecord {
    pub(super) fn of(rule: &IpRule) -> Self {
        let IpRule { value, prefix, action, .. } = rule;
        let spelling = if value.parse::<IpAddr>().is_ok_and(|address| address.to_string() == *value) {
            Spelling::Address
        } else if prefix.to_string() == *value {
            Spelling::Canonical
        } else {
            Spelling::Other(value.clone())
        };
        Self { prefix: *prefix, spelling, denies: *action == Action::Deny }
    }

    pub(super) fn into_rule(self) -> IpRule {
        let value = match self.spelling {
            Spelling::Canonical => self.prefix.to_string(),
            Spelling::Address => self.prefix.addr().to_string(),
            Spelling::Other(value) => value,
        };
        IpRule { value, prefix: self.prefix, action: action(self.denies), counter: NO_COUNTER }
    }
}

impl Keyed for IpRecord {
    type Key = IpNet;

    fn key(&self) -> IpNet {
        self.prefix
    }
}

impl SubnetRecord {
    pub(super) fn of(rule: &SubnetRule) -> Self {
        let SubnetId { network, subnet } = rule.subnet.clone();
        Self { network, subnet, denies: rule.action == Action::Deny }
    }

    pub(super) fn into_rule(self) -> SubnetRule {
        let subnet = SubnetId::new(self.network, self.subnet);
        SubnetRule { subnet, action: action(self.denies), counter: NO_COUNTER }
    }
}

impl Keyed for SubnetRecord {
    type Key = (String, String);

    fn key(&self) -> (String, String) {
        (self.network.to_ascii_lowercase(), self.subnet.to_ascii_lowercase())
    }
}

impl TagRecord {
    pub(super) fn of(rule: &ServiceTagRule) -> Self {
        Self { tag: rule.tag.clone(), denies: rule.action == Action::Deny }
    }

    pub(super) fn into_rule(self) -> ServiceTagRule {
        ServiceTagRule { tag: self.tag, action: action(self.denies), counter: NO_COUNTER }
    }
}

impl Keyed for TagRecord {
    type Key = String;

    fn key(&self) -> String {
        self.tag.to_ascii_lowercase()
    }
}

impl EndpointRecord {
    pub(super) fn of(endpoint: &PrivateEndpoint) -> Self {
        let PrivateEndpoint { name, network, address, status, description, .. } = endpoint.clone();
        let status = match status {
            ConnectionStatus::Approved => Status::Approved,
            ConnectionStatus::Rejected => Status::Rejected,
        };
        Self { name, network, address, status, description }
    }

    pub(super) fn into_endpoint(self) -> PrivateEndpoint {
        let Self { name, network, address, status, description } = self;
        let status = match status {
            Status::Approved => ConnectionStatus::Approved,
            Status::Rejected => ConnectionStatus::Rejected,
        };
        PrivateEndpoint { name, network, address, status, description, counter: NO_COUNTER }
    }
}

impl Keyed for EndpointRecord {
    type Key = String;

    fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

impl From<Settings> for SettingsRecord {
    fn from(settings: Settings) -> Self {
        Self {
            denies: settings.default_action == Action::Deny,
            public_network_enabled: settings.public_network_access == PublicNetworkAccess::Enabled,
            trusts_services: settings.bypass == BypassOptions::AzureServices,
            data_endpoint_enabled: settings.data_endpoint_enabled,
        }
    }
}

impl From<SettingsRecord> for Settings {
    fn from(record: SettingsRecord) -> Self {
        Self {
            default_action: action(record.denies),
            public_network_access: if record.public_network_enabled {
                PublicNetworkAccess::Enabled
            } else {
                PublicNetworkAccess::Disabled
            },
            bypass: if record.trusts_services { BypassOptions::AzureServices } else { BypassOptions::None },
            data_endpoint_enabled: record.data_endpoint_enabled,
        }
    }
}

impl NetworkRecord {
    pub(super) fn of(network: &VirtualNetwork) -> Self {
        let subnet = |Subnet { name, prefixes, service_endpoints }: Subnet| SubnetOfNetwork {
            name,
            prefixes,
            service_endpoints,
        };
        let VirtualNetwork { name, vni, prefixes, subnets } = network.clone();
        Self { name, vni, prefixes, subnets: subnets.into_iter().map(subnet).collect() }
    }

    pub(super) fn into_network(self) -> VirtualNetwork {
        let subnet =
            |SubnetOfNetwork { name, prefixes, service_endpoints }| Subnet { name, prefixes, service_endpoints };
        let Self { name, vni, prefixes, subnets } = self;
        VirtualNetwork { name, vni, prefixes, subnets: subnets.into_iter().map(subnet).collect() }
    }
}

impl ServiceTagRecord {
    pub(super) fn of(tag: &ServiceTag) -> Self {
        let ServiceTag { name, change_number, region, platform, system_service, prefixes } = tag.clone();
        Self { name, change_number, region, platform, system_service, prefixes }
    }

    pub(super) fn into_tag(self) -> ServiceTag {
        let Self { name, change_number, region, platform, system_service, prefixes } = self;
        ServiceTag { name, change_number, region, platform, system_service, prefixes }
    }
}
