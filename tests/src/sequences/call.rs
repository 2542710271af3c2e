use serde::{Deserialize, Serialize};

/// Calls in their order.
pub type Sequence = Vec<Step>;

/// A call and the condition under which it may be obeyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is asked for.
    pub call: Call,
    /// The conditional header.
    #[serde(default)]
    pub condition: Condition,
}

/// A conditional header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// None.
    #[default]
    Always,
    /// `If-Match` with the revision of this moment.
    IfCurrent,
    /// `If-Match` with a revision that is over, or yet to come.
    IfStale,
    /// `If-Match` with something else.
    IfGarbage(String),
    /// `If-None-Match: *`, of a resource that can be new.
    IfAbsent,
    /// `If-None-Match` with something else.
    IfAbsentGarbage(String),
}

/// A change that is asked for, in the caller's own words, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// Settings and whole lists.
    Patch {
        /// The registry's name.
        registry: String,
        /// `defaultAction`.
        default_action: Option<String>,
        /// `publicNetworkAccess`.
        public_network_access: Option<String>,
        /// `networkRuleBypassOptions`.
        bypass: Option<String>,
        /// `dataEndpointEnabled`.
        data_endpoint_enabled: Option<bool>,
        /// `sku.name`.
        sku: Option<String>,
        /// Every IP rule.
        ip_rules: Option<Vec<RuleText>>,
        /// Every virtual-network rule; a value is a subnet's id.
        subnet_rules: Option<Vec<RuleText>>,
    },
    /// One IP rule, by PUT.
    PutIpRule(RuleText),
    /// One IP rule, by DELETE.
    DeleteIpRule(String),
    /// One virtual-network rule, by PUT; the value is a subnet's id.
    PutSubnetRule(RuleText),
    /// One virtual-network rule, by DELETE.
    DeleteSubnetRule(String),
    /// A virtual network, by PUT.
    PutNetwork {
        /// Its name.
        name: String,
        /// Its VNI.
        vni: Option<i64>,
        /// Its address space.
        prefixes: Option<Vec<String>>,
        /// Every subnet.
        subnets: Option<Vec<SubnetText>>,
    },
    /// A virtual network, by DELETE.
    DeleteNetwork(String),
    /// A subnet of the named network, by PUT.
    PutSubnet(String, SubnetText),
    /// A subnet, by DELETE: the network and its own name.
    DeleteSubnet(String, String),
    /// A private endpoint connection, by PUT.
    PutPrivateEndpoint {
        /// Its name.
        name: String,
        /// The virtual network, by name or id.
        network: Option<String>,
        /// The address.
        address: Option<String>,
        /// Approved or not.
        status: Option<String>,
        /// Why.
        description: Option<String>,
    },
    /// A private endpoint connection, by DELETE.
    DeletePrivateEndpoint(String),
    /// What can only be refused: a body that is none, a resource that is not there, a verb that is not possible.
    Nonsense {
        /// The HTTP method.
        method: String,
        /// The path below the resource group's `providers`.
        path: String,
        /// The body.
        body: String,
    },
}

/// A rule as a caller writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleText {
    /// An address, a prefix or a subnet's id.
    pub value: String,
    /// Allow, Deny, or another word.
    pub action: Option<String>,
}

/// A subnet as a caller writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetText {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub prefixes: Option<Vec<String>>,
    /// The services whose endpoints it has.
    pub services: Option<Vec<String>>,
}
