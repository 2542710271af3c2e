use std::sync::Arc;

use ipnet::IpNet;

use super::{
    Counters, IpRule, IpRules, Policy, PrivateEndpoint, ServiceTagRule, ServiceTags, Settings, SubnetId, SubnetRule,
    VirtualNetwork,
};

/// One checked step: applied to the model, written by the store, enforced by the kernel. `registry` is a lower-case name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Replaces the settings that are not rules.
    SetRegistry {
        /// The registry's lower-case name.
        registry: String,
        /// All of them.
        settings: Settings,
    },
    /// Adds a rule last, or puts it in place of the one with the same prefix.
    InsertIpRule {
        /// The registry's lower-case name.
        registry: String,
        /// The rule, with its counter.
        rule: IpRule,
    },
    /// Removes a rule that exists.
    RemoveIpRule {
        /// The registry's lower-case name.
        registry: String,
        /// The rule's prefix.
        prefix: IpNet,
    },
    /// Replaces all IP rules.
    ReplaceIpRules {
        /// The registry's lower-case name.
        registry: String,
        /// The rules, with their counters; one that was there before has the same counter as before.
        rules: IpRules,
    },
    /// Adds a rule last, or puts it in place of the one for the same subnet.
    InsertSubnetRule {
        /// The registry's lower-case name.
        registry: String,
        /// The rule, with its counter.
        rule: SubnetRule,
    },
    /// Removes a rule that exists.
    RemoveSubnetRule {
        /// The registry's lower-case name.
        registry: String,
        /// The rule's subnet.
        subnet: SubnetId,
    },
    /// Replaces all virtual-network rules.
    ReplaceSubnetRules {
        /// The registry's lower-case name.
        registry: String,
        /// The rules, with their counters; one that was there before has the same counter as before.
        rules: Vec<SubnetRule>,
    },
    /// Adds a rule last, or puts it in place of the one for the same tag.
    InsertServiceTagRule {
        /// The registry's lower-case name.
        registry: String,
        /// The rule, with its counter.
        rule: ServiceTagRule,
    },
    /// Removes a rule that exists.
    RemoveServiceTagRule {
        /// The registry's lower-case name.
        registry: String,
        /// The tag's name as the rule spells it.
        tag: String,
    },
    /// Replaces all service-tag rules.
    ReplaceServiceTagRules {
        /// The registry's lower-case name.
        registry: String,
        /// The rules, with their counters; one that was there before has the same counter as before.
        rules: Vec<ServiceTagRule>,
    },
    /// Adds a private endpoint last, or puts it in place of the one with the same name.
    PutPrivateEndpoint {
        /// The registry's lower-case name.
        registry: String,
        /// The endpoint, with its counter.
        endpoint: PrivateEndpoint,
    },
    /// Removes a private endpoint that exists.
    RemovePrivateEndpoint {
        /// The registry's lower-case name.
        registry: String,
        /// The endpoint's lower-case name.
        name: String,
    },
    /// Adds a network, or replaces the one of that name with all its subnets.
    PutNetwork(VirtualNetwork),
    /// Removes the network with this lower-case name and its subnets.
    RemoveNetwork(String),
    /// Replaces all service tags.
    ImportServiceTags(Arc<ServiceTags>),
    /// Forgets the service tags, as if none had ever been imported.
    DropServiceTags,
}

/// What an edit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The registry with this lower-case name.
    Registry(&'a str),
    /// The virtual network with this name, in any case.
    Network(&'a str),
    /// The service tags.
    ServiceTags,
}

impl Edit {
    /// What this edit changes.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::SetRegistry { registry, .. }
            | Self::InsertIpRule { registry, .. }
            | Self::RemoveIpRule { registry, .. }
            | Self::ReplaceIpRules { registry, .. }
            | Self::InsertSubnetRule { registry, .. }
            | Self::RemoveSubnetRule { registry, .. }
            | Self::ReplaceSubnetRules { registry, .. }
            | Self::InsertServiceTagRule { registry, .. }
            | Self::RemoveServiceTagRule { registry, .. }
            | Self::ReplaceServiceTagRules { registry, .. }
            | Self::PutPrivateEndpoint { registry, .. }
            | Self::RemovePrivateEndpoint { registry, .. } => Subject::Registry(registry),
            Self::PutNetwork(network) => Subject::Network(&network.name),
            Self::RemoveNetwork(name) => Subject::Network(name),
            Self::ImportServiceTags(_) | Self::DropServiceTags => Subject::ServiceTags,
        }
    }

    /// The counters of the rules and private endpoints that this edit puts into the policy, whether they are new or not.
    pub fn counters(&self) -> Vec<u32> {
        match self {
            Self::InsertIpRule { rule, .. } => vec![rule.counter],
            Self::ReplaceIpRules { rules, .. } => rules.iter().map(|rule| rule.counter).collect(),
            Self::InsertSubnetRule { rule, .. } => vec![rule.counter],
            Self::ReplaceSubnetRules { rules, .. } => rules.iter().map(|rule| rule.counter).collect(),
            Self::InsertServiceTagRule { rule, .. } => vec![rule.counter],
            Self::ReplaceServiceTagRules { rules, .. } => rules.iter().map(|rule| rule.counter).collect(),
            Self::PutPrivateEndpoint { endpoint, .. } => vec![endpoint.counter],
            Self::SetRegistry { .. }
            | Self::RemoveIpRule { .. }
            | Self::RemoveSubnetRule { .. }
            | Self::RemoveServiceTagRule { .. }
            | Self::RemovePrivateEndpoint { .. }
            | Self::PutNetwork(_)
            | Self::RemoveNetwork(_)
            | Self::ImportServiceTags(_)
            | Self::DropServiceTags => Vec::new(),
        }
    }
}

impl Policy {
    /// Makes the model what the edits say, which come from [`Policy::validate`] of this very policy. The revision stays:
    /// it is the caller's.
    pub fn apply(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.apply_one(edit);
        }
    }

    fn apply_one(&mut self, edit: &Edit) {
        if let Subject::Registry(name) = edit.subject()
            && let Some(registry) = self.registries.get_mut(name)
        {
            registry.apply(edit, &mut self.counters);
        }
        match edit {
            Edit::PutNetwork(network) => {
                self.networks.insert(network.name.to_ascii_lowercase(), network.clone());
            }
            Edit::RemoveNetwork(name) => {
                self.networks.remove(name);
            }
            Edit::ImportServiceTags(tags) => self.service_tags = Some(tags.clone()),
            Edit::DropServiceTags => self.service_tags = None,
            _ => {}
        }
    }
}

impl super::Registry {
    pub(super) fn apply(&mut self, edit: &Edit, counters: &mut Counters) {
        match edit {
            Edit::SetRegistry { settings, .. } => self.set(*settings),
            Edit::InsertIpRule { rule, .. } => {
                let before = self.ip_rules.insert(rule.clone());
                exchange(counters, before.map(|rule| rule.counter), [rule.counter]);
            }
            Edit::RemoveIpRule { prefix, .. } => {
                let before = self.ip_rules.remove(prefix);
                exchange(counters, before.map(|rule| rule.counter), []);
            }
            Edit::ReplaceIpRules { rules, .. } => {
                let before = self.ip_rules.iter().map(|rule| rule.counter);
                exchange(counters, before, rules.iter().map(|rule| rule.counter));
                self.ip_rules = rules.clone();
            }
            Edit::InsertSubnetRule { rule, .. } => {
                let place = self.subnet_rules.iter_mut().find(|before| before.subnet == rule.subnet);
                exchange(counters, place.as_ref().map(|before| before.counter), [rule.counter]);
                match place {
                    Some(place) => *place = rule.clone(),
                    None => self.subnet_rules.push(rule.clone()),
                }
            }
            Edit::RemoveSubnetRule { subnet, .. } => {
                exchange(counters, self.subnet_rule(subnet).map(|rule| rule.counter), []);
                self.subnet_rules.retain(|rule| rule.subnet != *subnet);
            }
            Edit::ReplaceSubnetRules { rules, .. } => {
                let before = self.subnet_rules.iter().map(|rule| rule.counter);
                exchange(counters, before, rules.iter().map(|rule| rule.counter));
                self.subnet_rules.clone_from(rules);
            }
            Edit::InsertServiceTagRule { rule, .. } => {
                let same = |before: &&mut ServiceTagRule| before.tag.eq_ignore_ascii_case(&rule.tag);
                let place = self.service_tag_rules.iter_mut().find(same);
                exchange(counters, place.as_ref().map(|before| before.counter), [rule.counter]);
                match place {
                    Some(place) => *place = rule.clone(),
                    None => self.service_tag_rules.push(rule.clone()),
                }
            }
            Edit::RemoveServiceTagRule { tag, .. } => {
                exchange(counters, self.service_tag_rule(tag).map(|rule| rule.counter), []);
                self.service_tag_rules.retain(|rule| !rule.tag.eq_ignore_ascii_case(tag));
            }
            Edit::ReplaceServiceTagRules { rules, .. } => {
                let before = self.service_tag_rules.iter().map(|rule| rule.counter);
                exchange(counters, before, rules.iter().map(|rule| rule.counter));
                self.service_tag_rules.clone_from(rules);
            }
            Edit::PutPrivateEndpoint { endpoint, .. } => {
                let same = |before: &&mut PrivateEndpoint| before.name.eq_ignore_ascii_case(&endpoint.name);
                let place = self.private_endpoints.iter_mut().find(same);
                exchange(counters, place.as_ref().map(|before| before.counter), [endpoint.counter]);
                match place {
                    Some(place) => *place = endpoint.clone(),
                    None => self.private_endpoints.push(endpoint.clone()),
                }
            }
            Edit::RemovePrivateEndpoint { name, .. } => {
                exchange(counters, self.private_endpoint(name).map(|endpoint| endpoint.counter), []);
                self.private_endpoints.retain(|endpoint| !endpoint.name.eq_ignore_ascii_case(name));
            }
            Edit::PutNetwork(_) | Edit::RemoveNetwork(_) | Edit::ImportServiceTags(_) | Edit::DropServiceTags => {}
        }
    }
}

fn exchange(counters: &mut Counters, before: impl IntoIterator<Item = u32>, after: impl IntoIterator<Item = u32>) {
    for counter in before {
        counters.release(counter);
    }
    for counter in after {
        counters.take(counter);
    }
}
