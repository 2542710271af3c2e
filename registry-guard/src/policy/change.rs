use std::sync::Arc;

use super::{ServiceTagFile, ServiceTags};

/// What a caller asks for, as received: nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Changes some settings of a registry and replaces whole lists of rules.
    PatchRegistry {
        /// The registry's name, in any case.
        registry: String,
        /// What to change.
        patch: RegistryPatch,
    },
    /// Adds one IP rule, or changes the action of the one with the same prefix.
    AddIpRule {
        /// The registry's name, in any case.
        registry: String,
        /// An address or a prefix.
        value: String,
        /// Refuse if there is such a rule.
        only_if_absent: bool,
        /// An [`Action`](super::Action); absent means Allow, unless there is a rule that denies.
        action: Option<String>,
    },
    /// Removes one IP rule, however it was spelled.
    RemoveIpRule {
        /// The registry's name, in any case.
        registry: String,
        /// An address or a prefix.
        value: String,
    },
    /// Adds one virtual-network rule, or changes the action of the one for the same subnet.
    AddSubnetRule {
        /// The registry's name, in any case.
        registry: String,
        /// The subnet's full id.
        subnet_id: String,
        /// Refuse if there is such a rule.
        only_if_absent: bool,
        /// An [`Action`](super::Action); absent means Allow, unless there is a rule that denies.
        action: Option<String>,
    },
    /// Removes one virtual-network rule.
    RemoveSubnetRule {
        /// The registry's name, in any case.
        registry: String,
        /// The subnet's full id.
        subnet_id: String,
    },
    /// Adds one service-tag rule, or changes the action of the one for the same tag.
    AddServiceTagRule {
        /// The registry's name, in any case.
        registry: String,
        /// The tag's name, in any case.
        tag: String,
        /// Refuse if there is such a rule.
        only_if_absent: bool,
        /// An [`Action`](super::Action); absent means Allow, unless there is a rule that denies.
        action: Option<String>,
    },
    /// Removes one service-tag rule.
    RemoveServiceTagRule {
        /// The registry's name, in any case.
        registry: String,
        /// The tag's name, in any case.
        tag: String,
    },
    /// Replaces all service tags by those of a newer file.
    ImportServiceTags {
        /// The published file.
        file: ServiceTagFile,
        /// When it came, RFC 3339 in UTC.
        at: String,
    },
    /// Creates or changes a private endpoint.
    PutPrivateEndpoint {
        /// The registry's name, in any case.
        registry: String,
        /// The endpoint's name.
        name: String,
        /// Refuse if the endpoint exists.
        only_if_absent: bool,
        /// What it shall be.
        request: PrivateEndpointRequest,
    },
    /// Removes a private endpoint.
    DeletePrivateEndpoint {
        /// The registry's name, in any case.
        registry: String,
        /// The endpoint's name, in any case.
        name: String,
    },
    /// Creates or changes a virtual network.
    PutNetwork {
        /// The network's name.
        name: String,
        /// Refuse if the network exists.
        only_if_absent: bool,
        /// What it shall be.
        request: NetworkRequest,
    },
    /// Removes a virtual network and its subnets.
    DeleteNetwork {
        /// The network's name, in any case.
        name: String,
    },
    /// Creates or changes a subnet.
    PutSubnet {
        /// The network's name, in any case.
        network: String,
        /// The subnet's name.
        name: String,
        /// Refuse if the subnet exists.
        only_if_absent: bool,
        /// What it shall be.
        request: SubnetRequest,
    },
    /// Removes a subnet.
    DeleteSubnet {
        /// The network's name, in any case.
        network: String,
        /// The subnet's name, in any case.
        name: String,
    },
    /// Makes the policy what a document says, in one step.
    Apply(PolicyRequest),
    /// Makes the policy what it was, or what a copy of it says.
    RollBack(PastPolicy),
}

/// A policy as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastPolicy {
    /// All of it but the service tags.
    pub request: PolicyRequest,
    /// The service tags, if there were any.
    pub service_tags: Option<Arc<ServiceTags>>,
}

/// What several parts of the policy shall be, all at once. What is absent is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRequest {
    /// Every virtual network with its name: one that is not in the list goes.
    pub networks: Option<Vec<(String, NetworkRequest)>>,
    /// Some registries, each with its name. Others stay as they are.
    pub registries: Vec<(String, RegistryRequest)>,
}

/// What a registry shall be. What is absent is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryRequest {
    /// Settings, and lists of rules.
    pub patch: RegistryPatch,
    /// Every private endpoint with its name: one that is not in the list goes.
    pub private_endpoints: Option<Vec<(String, PrivateEndpointRequest)>>,
}

/// The parts of a registry to change. What is absent is kept; a list that is present replaces the whole list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryPatch {
    /// An [`Action`](super::Action).
    pub default_action: Option<String>,
    /// A [`PublicNetworkAccess`](super::PublicNetworkAccess).
    pub public_network_access: Option<String>,
    /// A [`BypassOptions`](super::BypassOptions).
    pub bypass: Option<String>,
    /// Whether data endpoints are announced.
    pub data_endpoint_enabled: Option<bool>,
    /// Every IP rule.
    pub ip_rules: Option<Vec<RuleRequest>>,
    /// Every virtual-network rule.
    pub subnet_rules: Option<Vec<RuleRequest>>,
    /// Every service-tag rule.
    pub service_tag_rules: Option<Vec<RuleRequest>>,
}

/// One rule of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRequest {
    /// An address, a prefix, a subnet id or the name of a service tag.
    pub value: String,
    /// An [`Action`](super::Action); absent means Allow.
    pub action: Option<String>,
}

/// What a virtual network shall be. What is absent is kept; a new network needs a VNI and address prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// The VXLAN network identifier.
    pub vni: Option<i64>,
    /// The address space.
    pub prefixes: Option<Vec<String>>,
    /// Every subnet with its name.
    pub subnets: Option<Vec<(String, SubnetRequest)>>,
}

/// What a subnet shall be. What is absent is kept; a new subnet needs address prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubnetRequest {
    /// The addresses.
    pub prefixes: Option<Vec<String>>,
    /// The names of services; an empty name means nothing.
    pub service_endpoints: Option<Vec<String>>,
}

/// What a private endpoint shall be. What is absent is kept; a new one needs a network and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivateEndpointRequest {
    /// The virtual network, by name or full id.
    pub network: Option<String>,
    /// One address.
    pub address: Option<String>,
    /// A [`ConnectionStatus`](super::ConnectionStatus); a new one is approved unless this says otherwise.
    pub status: Option<String>,
    /// Why it has that status.
    pub description: Option<String>,
}
