//! What a change does, in the words of a document: what comes, what goes, what becomes something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{
    Edit, IpRule, Policy, PrivateEndpoint, Registry, ServiceTagRule, ServiceTags, Settings, Subject, Subnet, SubnetId,
    SubnetRule, VirtualNetwork,
};

/// What happens to one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// It was not there before.
    Add,
    /// It is no longer what it was.
    Change,
    /// It is no longer there.
    Remove,
}

/// One thing that a change does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What happens.
    pub change: StepKind,
    /// The registry that it is about; absent if it is about a virtual network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The virtual network that it is about; absent if it is about a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<String>,
    /// The document's list that the thing is in; absent for a setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<&'static str>,
    /// What it is called: a setting, a prefix, a subnet, a name.
    pub name: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it is from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// How many steps of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// What comes.
    pub add: usize,
    /// What becomes something else.
    pub change: usize,
    /// What goes.
    pub remove: usize,
}

impl Tally {
    /// Counts the steps.
    pub fn of(steps: &[Step]) -> Self {
        let count = |kind| steps.iter().filter(|step| step.change == kind).count();
        Self { add: count(StepKind::Add), change: count(StepKind::Change), remove: count(StepKind::Remove) }
    }
}

/// What the edits do to `before`, from which they come: virtual networks first, each with what is in it, then the service tags as a
/// whole, then registries. A
/// change of order, or of spelling, is no step.
pub fn steps(before: &Policy, edits: &[Edit]) -> Vec<Step> {
    let mut steps = Steps::default();
    let names: BTreeSet<String> = edits
        .iter()
        .filter_map(|edit| match edit.subject() {
            Subject::Network(name) => Some(name.to_ascii_lowercase()),
            Subject::Registry(_) | Subject::ServiceTags => None,
        })
        .collect();
    for name in &names {
        steps.of_network(before.network(name), last_state(name, edits));
    }
    for edit in edits {
        match edit {
            Edit::ImportServiceTags(after) => steps.of_service_tags(before.service_tags.as_deref(), Some(after)),
            Edit::DropServiceTags => steps.of_service_tags(before.service_tags.as_deref(), None),
            _ => {}
        }
    }
    for edit in edits {
        if let Subject::Registry(name) = edit.subject()
            && let Some(registry) = before.registries.get(name)
        {
            steps.of_registry(registry, edit);
        }
    }
    steps.0
}

/// What the last edit of this network makes of it.
fn last_state<'a>(name: &str, edits: &'a [Edit]) -> Option<&'a VirtualNetwork> {
    edits.iter().rev().find_map(|edit| match edit {
        Edit::PutNetwork(network) if network.name.eq_ignore_ascii_case(name) => Some(Some(network)),
        Edit::RemoveNetwork(key) if key == name => Some(None),
        _ => None,
    })?
}

/// The lists and settings that are not there compare as nothing.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn of_network(&mut self, before: Option<&VirtualNetwork>, after: Option<&VirtualNetwork>) {
        let Some(name) = after.or(before).map(|network| network.name.clone()) else { return };
        let about = Step { virtual_network: Some(name.clone()), ..about_nothing() };
        let described = |network: &VirtualNetwork| format!("VNI {}, {}", network.vni, spaced(&network.prefixes));
        self.compare(
            Step { list: Some("virtualNetworks"), name, ..about.clone() },
            before.map(described),
            after.map(described),
        );
        let subnets = |network: Option<&VirtualNetwork>| -> BTreeMap<String, Subnet> {
            let subnets = network.map_or(&[][..], |network| &network.subnets);
            subnets.iter().map(|subnet| (subnet.name.to_ascii_lowercase(), subnet.clone())).collect()
        };
        let about = Step { list: Some("subnets"), ..about };
        self.compare_lists(&about, &subnets(before), &subnets(after), |subnet| subnet.name.clone(), described_subnet);
    }

    fn of_service_tags(&mut self, before: Option<&ServiceTags>, after: Option<&ServiceTags>) {
        let described = |tags: &ServiceTags| format!("change number {}", tags.change_number);
        let Some(name) = after.or(before).map(|tags| tags.cloud.clone()) else { return };
        let about = Step { list: Some("serviceTags"), name, ..about_nothing() };
        self.compare(about, before.map(described), after.map(described));
    }

    fn of_registry(&mut self, before: &Registry, edit: &Edit) {
        let about = Step { registry: Some(before.name.clone()), ..about_nothing() };
        let ip_rules = Step { list: Some("ipRules"), ..about.clone() };
        let subnet_rules = Step { list: Some("virtualNetworkRules"), ..about.clone() };
        let endpoints = Step { list: Some("privateEndpointConnections"), ..about.clone() };
        let tag_rules = Step { list: Some("serviceTagRules"), ..about.clone() };
        let tag_action = |rule: &ServiceTagRule| rule.action.to_string();
        let ip_action = |rule: &IpRule| rule.action.to_string();
        let subnet_action = |rule: &SubnetRule| rule.action.to_string();
        match edit {
            Edit::SetRegistry { settings, .. } => self.of_settings(&about, &before.settings(), settings),
            Edit::InsertIpRule { rule, .. } => {
                let present = before.ip_rules.get(&rule.prefix).map(ip_action);
                self.compare(Step { name: rule.value.clone(), ..ip_rules }, present, Some(ip_action(rule)));
            }
            Edit::RemoveIpRule { prefix, .. } => {
                let present = before.ip_rules.get(prefix);
                let name = present.map_or_else(|| prefix.to_string(), |rule| rule.value.clone());
                self.compare(Step { name, ..ip_rules }, present.map(ip_action), None);
            }
            Edit::ReplaceIpRules { rules, .. } => {
                for gone in before.ip_rules.iter().filter(|rule| rules.get(&rule.prefix).is_none()) {
                    self.compare(Step { name: gone.value.clone(), ..ip_rules.clone() }, Some(ip_action(gone)), None);
                }
                for rule in rules.iter() {
                    let present = before.ip_rules.get(&rule.prefix).map(ip_action);
                    let about = Step { name: rule.value.clone(), ..ip_rules.clone() };
                    self.compare(about, present, Some(ip_action(rule)));
                }
            }
            Edit::InsertSubnetRule { rule, .. } => {
                let present = before.subnet_rule(&rule.subnet).map(subnet_action);
                let about = Step { name: short(&rule.subnet), ..subnet_rules };
                self.compare(about, present, Some(subnet_action(rule)));
            }
            Edit::RemoveSubnetRule { subnet, .. } => {
                let present = before.subnet_rule(subnet).map(subnet_action);
                self.compare(Step { name: short(subnet), ..subnet_rules }, present, None);
            }
            Edit::ReplaceSubnetRules { rules, .. } => {
                let keyed = |rules: &[SubnetRule]| -> BTreeMap<SubnetId, SubnetRule> {
                    rules.iter().map(|rule| (rule.subnet.clone(), rule.clone())).collect()
                };
                let (old, new) = (keyed(&before.subnet_rules), keyed(rules));
                self.compare_lists(&subnet_rules, &old, &new, |rule| short(&rule.subnet), subnet_action);
            }
            Edit::InsertServiceTagRule { rule, .. } => {
                let present = before.service_tag_rule(&rule.tag).map(tag_action);
                self.compare(Step { name: rule.tag.clone(), ..tag_rules }, present, Some(tag_action(rule)));
            }
            Edit::RemoveServiceTagRule { tag, .. } => {
                let present = before.service_tag_rule(tag).map(tag_action);
                self.compare(Step { name: tag.clone(), ..tag_rules }, present, None);
            }
            Edit::ReplaceServiceTagRules { rules, .. } => {
                let keyed = |rules: &[ServiceTagRule]| -> BTreeMap<String, ServiceTagRule> {
                    rules.iter().map(|rule| (rule.tag.to_ascii_lowercase(), rule.clone())).collect()
                };
                let (old, new) = (keyed(&before.service_tag_rules), keyed(rules));
                self.compare_lists(&tag_rules, &old, &new, |rule| rule.tag.clone(), tag_action);
            }
            Edit::PutPrivateEndpoint { endpoint, .. } => {
                let present = before.private_endpoint(&endpoint.name).map(described_endpoint);
                let about = Step { name: endpoint.name.clone(), ..endpoints };
                self.compare(about, present, Some(described_endpoint(endpoint)));
            }
            Edit::RemovePrivateEndpoint { name, .. } => {
                let present = before.private_endpoint(name);
                let name = present.map_or(name, |endpoint| &endpoint.name).clone();
                self.compare(Step { name, ..endpoints }, present.map(described_endpoint), None);
            }
            Edit::PutNetwork(_) | Edit::RemoveNetwork(_) | Edit::ImportServiceTags(_) | Edit::DropServiceTags => {}
        }
    }

    fn of_settings(&mut self, about: &Step, before: &Settings, after: &Settings) {
        for (name, old, new) in [
            ("defaultAction", before.default_action.to_string(), after.default_action.to_string()),
            ("publicNetworkAccess", before.public_network_access.to_string(), after.public_network_access.to_string()),
            ("networkRuleBypassOptions", before.bypass.to_string(), after.bypass.to_string()),
            ("dataEndpointEnabled", before.data_endpoint_enabled.to_string(), after.data_endpoint_enabled.to_string()),
        ] {
            self.compare(Step { name: name.to_owned(), ..about.clone() }, Some(old), Some(new));
        }
    }

    /// What goes first, then what comes or changes.
    fn compare_lists<K: Ord, V>(
        &mut self,
        about: &Step,
        before: &BTreeMap<K, V>,
        after: &BTreeMap<K, V>,
        name: impl Fn(&V) -> String,
        described: impl Fn(&V) -> String,
    ) {
        for (_, gone) in before.iter().filter(|(key, _)| !after.contains_key(key)) {
            self.compare(Step { name: name(gone), ..about.clone() }, Some(described(gone)), None);
        }
        for (key, item) in after {
            let about = Step { name: name(item), ..about.clone() };
            self.compare(about, before.get(key).map(&described), Some(described(item)));
        }
    }

    fn compare(&mut self, about: Step, before: Option<String>, after: Option<String>) {
        let change = match (&before, &after) {
            (None, Some(_)) => StepKind::Add,
            (Some(_), None) => StepKind::Remove,
            (Some(old), Some(new)) if old != new => StepKind::Change,
            _ => return,
        };
        self.0.push(Step { change, before, after, ..about });
    }
}

fn about_nothing() -> Step {
    Step {
        change: StepKind::Change,
        registry: None,
        virtual_network: None,
        list: None,
        name: String::new(),
        before: None,
        after: None,
    }
}

fn described_subnet(subnet: &Subnet) -> String {
    let services = spaced(&subnet.service_endpoints);
    let services = if services.is_empty() { "no service endpoint" } else { &services };
    format!("{}, {services}", spaced(&subnet.prefixes))
}

fn described_endpoint(endpoint: &PrivateEndpoint) -> String {
    let PrivateEndpoint { network, address, status, description, .. } = endpoint;
    let description = if description.is_empty() { String::new() } else { format!(", {description:?}") };
    format!("{address} in {network}, {status}{description}")
}

fn short(id: &SubnetId) -> String {
    format!("{}/{}", id.network, id.subnet)
}

fn spaced(list: &[impl ToString]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to add, {} to change, {} to remove", self.add, self.change, self.remove)
    }
}
