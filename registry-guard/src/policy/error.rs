use std::net::IpAddr;

use super::prefix::Quoted;

/// Why a change was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// What is wrong with one part of a document.
    #[error("{place}: {error}")]
    At {
        /// The part, as the document calls it.
        place: String,
        /// What is wrong with it.
        error: Box<PolicyError>,
    },
    /// A value that is not accepted where it stands.
    #[error("{field}: {} {problem}; accepted: {accepted}", Quoted(value))]
    Invalid {
        /// Where the value stands.
        field: String,
        /// The value as received.
        value: String,
        /// What is wrong with it, to be read after the value.
        problem: String,
        /// What would be accepted.
        accepted: String,
    },
    /// A value without which a new resource cannot be.
    #[error("{field}: missing; accepted: {accepted}")]
    Missing {
        /// Where the value belongs.
        field: String,
        /// What would be accepted.
        accepted: String,
    },
    /// One list of virtual-network rules names a subnet twice.
    #[error(
        "Virtual network rule is not valid - Found duplicate virtual network rule {id}; accepted: each subnet once"
    )]
    DuplicateSubnetRule {
        /// The subnet's id as received.
        id: String,
    },
    /// There would be more rules than config.toml allows.
    #[error(
        "The requested feature network rule exceeds allowed quota {limit}: there would be {asked} rules over all registries; accepted: at most {limit} (`limits.rules` in config.toml)"
    )]
    QuotaExceeded {
        /// How many rules there would be.
        asked: usize,
        /// How many there may be.
        limit: u32,
    },
    /// A registry would have more rules of one kind than its quota.
    #[error(
        "The requested feature {feature} exceeds allowed quota {quota} for the SKU Premium. Registry `{registry}` would have {asked}; accepted: at most {quota} (`registry.quota` in config.toml)"
    )]
    RegistryQuotaExceeded {
        /// Which kind, in the words of the service.
        feature: &'static str,
        /// The registry's name.
        registry: String,
        /// How many rules of that kind it would have.
        asked: usize,
        /// How many it may have.
        quota: u32,
    },
    /// config.toml names no such registry.
    #[error("registry {} does not exist; config.toml names: {}", Quoted(name), known.join(", "))]
    RegistryNotFound {
        /// The name as received.
        name: String,
        /// The registries there are.
        known: Vec<String>,
    },
    /// There is no such virtual network.
    #[error("virtual network {} does not exist; known are: {}", Quoted(name), listed(known))]
    NetworkNotFound {
        /// The name as received.
        name: String,
        /// The networks there are.
        known: Vec<String>,
    },
    /// There is no such subnet in this virtual network.
    #[error("subnet {} does not exist in virtual network `{network}`; known are: {}", Quoted(name), listed(known))]
    SubnetNotFound {
        /// The network's name.
        network: String,
        /// The subnet's name as received.
        name: String,
        /// The subnets of the network.
        known: Vec<String>,
    },
    /// The registry has no rule for this prefix.
    #[error("registry `{registry}` has no IP rule for {}", Quoted(value))]
    IpRuleNotFound {
        /// The registry's name.
        registry: String,
        /// The address or prefix as received.
        value: String,
    },
    /// The registry has no rule for this subnet.
    #[error("registry `{registry}` has no virtual network rule for {}", Quoted(subnet))]
    SubnetRuleNotFound {
        /// The registry's name.
        registry: String,
        /// The subnet's id.
        subnet: String,
    },
    /// There would be more prefixes in one registry's table than config.toml allows.
    #[error(
        "The requested feature service tag exceeds allowed quota {limit}: the IP rules of registry `{registry}` and the service tags that its rules name would be {asked} prefixes; accepted: at most {limit} (`limits.rules` in config.toml)"
    )]
    TooManyPrefixes {
        /// The registry's name.
        registry: String,
        /// How many prefixes there would be.
        asked: usize,
        /// How many there may be.
        limit: u32,
    },
    /// The held file has no such service tag.
    #[error("service tag {} does not exist; {}", Quoted(name), there_are(*held, similar))]
    ServiceTagNotFound {
        /// The name as received.
        name: String,
        /// How many there are.
        held: usize,
        /// Some whose names are like it.
        similar: Vec<String>,
    },
    /// The registry has no rule for this service tag.
    #[error("registry `{registry}` has no service tag rule for {}", Quoted(tag))]
    ServiceTagRuleNotFound {
        /// The registry's name.
        registry: String,
        /// The tag's name as received.
        tag: String,
    },
    /// The file does not follow the one that is held, so it cannot take its place.
    #[error("{field}: {} {problem}; accepted: {accepted}", Quoted(value))]
    ServiceTagsDoNotFollow {
        /// The field that says so.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it, to be read after the value.
        problem: String,
        /// What would be accepted.
        accepted: String,
    },
    /// A Deny rule names a service tag that would have no prefixes any more, so that it would deny nobody.
    #[error(
        "service tag `{tag}` {becomes}, and a Deny rule of registry `{registry}` names it, which would deny nobody then; remove that rule first, or deny the prefixes by IP rules"
    )]
    DeniedServiceTagGone {
        /// The tag's name.
        tag: String,
        /// What becomes of it, to be read after its name.
        becomes: &'static str,
        /// The registry whose rule names it.
        registry: String,
    },
    /// The registry has no private endpoint of this name.
    #[error(
        "registry `{registry}` has no private endpoint connection {}; known are: {}; a new one needs virtualNetwork and ipAddress",
        Quoted(name),
        listed(known)
    )]
    PrivateEndpointNotFound {
        /// The registry's name.
        registry: String,
        /// The endpoint's name as received.
        name: String,
        /// The private endpoints of the registry.
        known: Vec<String>,
    },
    /// A private endpoint is in the virtual network that would go.
    #[error(
        "virtual network `{network}` cannot be removed: private endpoint connection `{endpoint}` of registry `{registry}` is in it; delete that first"
    )]
    NetworkInUse {
        /// The network's name.
        network: String,
        /// The registry whose endpoint it is.
        registry: String,
        /// The endpoint's name.
        endpoint: String,
    },
    /// Another private endpoint has this address.
    #[error(
        "ipAddress: {address} in virtual network `{network}` belongs to private endpoint connection `{endpoint}` of registry `{registry}`; accepted: an address that no other has"
    )]
    AddressTaken {
        /// The address asked for.
        address: IpAddr,
        /// The network's name.
        network: String,
        /// The registry whose endpoint has it.
        registry: String,
        /// The endpoint that has it.
        endpoint: String,
    },
    /// A registry's rule names the subnet that would go.
    #[error(
        "subnet `{subnet}` of virtual network `{network}` cannot be removed: a rule of registry `{registry}` names it; remove that rule first"
    )]
    SubnetInUse {
        /// The network's name.
        network: String,
        /// The subnet's name.
        subnet: String,
        /// The registry whose rule names it.
        registry: String,
    },
    /// A rule that denies would come to allow, and nobody said so.
    #[error(
        "action: missing, and registry `{registry}` has a Deny rule for {}, which stays; accepted: Allow to let it in (`--action \
         Allow`), Deny to leave the rule as it is",
        Quoted(sources)
    )]
    DenyRuleStands {
        /// The registry's name.
        registry: String,
        /// The prefix as received, or the id of the subnet.
        sources: String,
    },
    /// Another virtual network has this VNI.
    #[error("vni: {vni} belongs to virtual network `{network}`; accepted: a number that no other network has")]
    VniTaken {
        /// The VNI asked for.
        vni: u32,
        /// The network that has it.
        network: String,
    },
    /// The resource exists, and the caller asked for it only if it did not.
    #[error("{kind} `{name}` already exists, and the request has `If-None-Match: *`")]
    AlreadyExists {
        /// What kind of resource it is.
        kind: &'static str,
        /// The name as it is spelled.
        name: String,
    },
}

impl PolicyError {
    pub(crate) fn invalid(
        field: impl Into<String>,
        value: impl Into<String>,
        problem: impl Into<String>,
        accepted: impl Into<String>,
    ) -> Self {
        Self::Invalid { field: field.into(), value: value.into(), problem: problem.into(), accepted: accepted.into() }
    }

    pub(crate) fn missing(field: impl Into<String>, accepted: impl Into<String>) -> Self {
        Self::Missing { field: field.into(), accepted: accepted.into() }
    }

    /// The HTTP status that says the same: 400, 404, 409 or 412.
    pub const fn status(&self) -> u16 {
        match self {
            Self::At { error, .. } => error.status(),
            Self::Invalid { .. }
            | Self::Missing { .. }
            | Self::DuplicateSubnetRule { .. }
            | Self::QuotaExceeded { .. }
            | Self::RegistryQuotaExceeded { .. }
            | Self::TooManyPrefixes { .. } => 400,
            Self::RegistryNotFound { .. }
            | Self::NetworkNotFound { .. }
            | Self::SubnetNotFound { .. }
            | Self::IpRuleNotFound { .. }
            | Self::SubnetRuleNotFound { .. }
            | Self::ServiceTagNotFound { .. }
            | Self::ServiceTagRuleNotFound { .. }
            | Self::PrivateEndpointNotFound { .. } => 404,
            Self::SubnetInUse { .. }
            | Self::NetworkInUse { .. }
            | Self::VniTaken { .. }
            | Self::ServiceTagsDoNotFollow { .. }
            | Self::DeniedServiceTagGone { .. }
            | Self::DenyRuleStands { .. }
            | Self::AddressTaken { .. } => 409,
            Self::AlreadyExists { .. } => 412,
        }
    }

    /// The error code of the management API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::At { error, .. } => error.code(),
            Self::Invalid { .. } | Self::DuplicateSubnetRule { .. } => "InvalidParameter",
            Self::Missing { .. } => "MissingParameter",
            Self::QuotaExceeded { .. } | Self::RegistryQuotaExceeded { .. } | Self::TooManyPrefixes { .. } => {
                "QuotaExceeded"
            }
            Self::RegistryNotFound { .. }
            | Self::NetworkNotFound { .. }
            | Self::SubnetNotFound { .. }
            | Self::IpRuleNotFound { .. }
            | Self::SubnetRuleNotFound { .. }
            | Self::ServiceTagNotFound { .. }
            | Self::ServiceTagRuleNotFound { .. }
            | Self::PrivateEndpointNotFound { .. } => "ResourceNotFound",
            Self::SubnetInUse { .. } => "InUseSubnetCannotBeDeleted",
            Self::NetworkInUse { .. } => "InUseVirtualNetworkCannotBeDeleted",
            Self::VniTaken { .. }
            | Self::AddressTaken { .. }
            | Self::DenyRuleStands { .. }
            | Self::ServiceTagsDoNotFollow { .. }
            | Self::DeniedServiceTagGone { .. } => "Conflict",
            Self::AlreadyExists { .. } => "PreconditionFailed",
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn there_are(held: usize, similar: &[String]) -> String {
    match (held, similar) {
        (0, _) => "none are held; import a published file first (`registry-guard service-tag import FILE`)".to_owned(),
        (_, []) => format!("{held} are held (`registry-guard service-tag list`)"),
        _ => format!("{held} are held, among them: {}", similar.join(", ")),
    }
}
