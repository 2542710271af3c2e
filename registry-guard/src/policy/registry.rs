use super::{Action, BypassOptions, IpRules, PrivateEndpoint, PublicNetworkAccess, SubnetId};

/// One registry and who may reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// The name as config.toml spells it.
    pub name: String,
    /// The registry's index in the kernel's maps, below 64 and the same across restarts.
    pub slot: u32,
    /// What happens to public traffic that no rule names.
    pub default_action: Action,
    /// Whether the rules are asked at all.
    pub public_network_access: PublicNetworkAccess,
    /// Whether trusted services pass without a rule.
    pub bypass: BypassOptions,
    /// Whether the registry's data endpoints are announced to clients.
    pub data_endpoint_enabled: bool,
    /// When the registry was first seen, RFC 3339 in UTC.
    pub created: String,
    /// The rules for public sources.
    pub ip_rules: IpRules,
    /// The rules for sources inside virtual networks, in the order they were added.
    pub subnet_rules: Vec<SubnetRule>,
    /// The rules for public sources that a service tag names, in the order they were added, at most one for a tag.
    pub service_tag_rules: Vec<ServiceTagRule>,
    /// Where it is reached past all rules, in the order they were added.
    pub private_endpoints: Vec<PrivateEndpoint>,
}

/// A rule for the sources of one subnet. It counts only while the subnet has the registry's service endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetRule {
    /// The subnet that the rule names.
    pub subnet: SubnetId,
    /// What happens to connections from there.
    pub action: Action,
    /// The rule's index among the kernel's hit counters.
    pub counter: u32,
}

/// A rule for the public sources of one service tag, whatever they are at present. It stays when the tag is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTagRule {
    /// The tag's name as it was spelled when the rule was made.
    pub tag: String,
    /// What happens to connections from there.
    pub action: Action,
    /// The rule's index among the kernel's hit counters.
    pub counter: u32,
}

/// The settings of a registry that are not rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to public traffic that no rule names.
    pub default_action: Action,
    /// Whether the rules are asked at all.
    pub public_network_access: PublicNetworkAccess,
    /// Whether trusted services pass without a rule.
    pub bypass: BypassOptions,
    /// Whether the registry's data endpoints are announced to clients.
    pub data_endpoint_enabled: bool,
}

impl Settings {
    /// The settings of a registry that nobody has set up: nobody gets in.
    pub const FRESH: Self = Self {
        default_action: Action::Deny,
        public_network_access: PublicNetworkAccess::Enabled,
        bypass: BypassOptions::AzureServices,
        data_endpoint_enabled: false,
    };
}

impl Registry {
    /// A registry with `settings` and no rules.
    pub fn new(name: impl Into<String>, slot: u32, created: impl Into<String>, settings: Settings) -> Self {
        Self {
            name: name.into(),
            slot,
            default_action: settings.default_action,
            public_network_access: settings.public_network_access,
            bypass: settings.bypass,
            data_endpoint_enabled: settings.data_endpoint_enabled,
            created: created.into(),
            ip_rules: IpRules::new(),
            subnet_rules: Vec::new(),
            service_tag_rules: Vec::new(),
            private_endpoints: Vec::new(),
        }
    }

    /// The settings that are not rules.
    pub fn settings(&self) -> Settings {
        Settings {
            default_action: self.default_action,
            public_network_access: self.public_network_access,
            bypass: self.bypass,
            data_endpoint_enabled: self.data_endpoint_enabled,
        }
    }

    /// Replaces the settings that are not rules.
    pub fn set(&mut self, settings: Settings) {
        self.default_action = settings.default_action;
        self.public_network_access = settings.public_network_access;
        self.bypass = settings.bypass;
        self.data_endpoint_enabled = settings.data_endpoint_enabled;
    }

    /// The rule that names `subnet`.
    pub fn subnet_rule(&self, subnet: &SubnetId) -> Option<&SubnetRule> {
        self.subnet_rules.iter().find(|rule| rule.subnet == *subnet)
    }

    /// The rule that names the service tag `tag`, in any case.
    pub fn service_tag_rule(&self, tag: &str) -> Option<&ServiceTagRule> {
        self.service_tag_rules.iter().find(|rule| rule.tag.eq_ignore_ascii_case(tag))
    }
}
