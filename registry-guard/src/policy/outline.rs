//! A change in a few words, for those who look at many.

use std::fmt::Write as _;

use super::{Action, Edit, Policy, Settings, Subject, SubnetId};

/// More of them are counted.
const MOST_WORDS: usize = 4;

/// What the edits do to `before`, from which they come, in a few words; a long list is told by its length.
pub fn outline(before: &Policy, edits: &[Edit]) -> String {
    let mut words: Vec<String> = Vec::new();
    for edit in edits {
        let of_edit = of_edit(before, edit);
        words.push(match edit.subject() {
            Subject::Registry(name) => {
                let name = before.registries.get(name).map_or(name, |registry| registry.name.as_str());
                format!("{name}: {of_edit}")
            }
            Subject::Network(_) | Subject::ServiceTags => of_edit,
        });
    }
    // A network that changes its number goes and comes.
    words.dedup();
    let more = words.len().saturating_sub(MOST_WORDS);
    words.truncate(MOST_WORDS);
    let mut outline = words.join("; ");
    if more > 0 {
        let _ = write!(outline, "; and {more} more");
    }
    outline
}

fn of_edit(before: &Policy, edit: &Edit) -> String {
    let registry = match edit.subject() {
        Subject::Registry(name) => before.registries.get(name),
        _ => None,
    };
    let mark = |present: bool| if present { '~' } else { '+' };
    let denies = |action: Action| if action == Action::Deny { " Deny" } else { "" };
    match edit {
        Edit::SetRegistry { settings, .. } => {
            registry.map_or_else(String::new, |registry| of_settings(registry.settings(), *settings))
        }
        Edit::InsertIpRule { rule, .. } => {
            let present = registry.is_some_and(|registry| registry.ip_rules.get(&rule.prefix).is_some());
            format!("{} {}{}", mark(present), rule.value, denies(rule.action))
        }
        Edit::RemoveIpRule { prefix, .. } => {
            let rule = registry.and_then(|registry| registry.ip_rules.get(prefix));
            format!("- {}", rule.map_or_else(|| prefix.to_string(), |rule| rule.value.clone()))
        }
        Edit::ReplaceIpRules { rules, .. } => {
            of_list("IP rules", registry.map_or(0, |registry| registry.ip_rules.len()), rules.len())
        }
        Edit::InsertSubnetRule { rule, .. } => {
            let present = registry.is_some_and(|registry| registry.subnet_rule(&rule.subnet).is_some());
            format!("{} subnet {}{}", mark(present), short(&rule.subnet), denies(rule.action))
        }
        Edit::RemoveSubnetRule { subnet, .. } => format!("- subnet {}", short(subnet)),
        Edit::ReplaceSubnetRules { rules, .. } => {
            of_list("virtual network rules", registry.map_or(0, |registry| registry.subnet_rules.len()), rules.len())
        }
        Edit::InsertServiceTagRule { rule, .. } => {
            let present = registry.is_some_and(|registry| registry.service_tag_rule(&rule.tag).is_some());
            format!("{} service tag {}{}", mark(present), rule.tag, denies(rule.action))
        }
        Edit::RemoveServiceTagRule { tag, .. } => format!("- service tag {tag}"),
        Edit::ReplaceServiceTagRules { rules, .. } => {
            of_list("service tag rules", registry.map_or(0, |registry| registry.service_tag_rules.len()), rules.len())
        }
        Edit::PutPrivateEndpoint { endpoint, .. } => {
            let present = registry.is_some_and(|registry| registry.private_endpoint(&endpoint.name).is_some());
            format!("{} private endpoint {} {}", mark(present), endpoint.name, endpoint.status)
        }
        Edit::RemovePrivateEndpoint { name, .. } => format!("- private endpoint {name}"),
        Edit::PutNetwork(network) => {
            format!("{} virtual network {}", mark(before.network(&network.name).is_some()), network.name)
        }
        Edit::RemoveNetwork(name) => format!("- virtual network {name}"),
        Edit::ImportServiceTags(tags) => format!("service tags {} {}", tags.cloud, tags.change_number),
        Edit::DropServiceTags => "- service tags".to_owned(),
    }
}

fn of_settings(before: Settings, after: Settings) -> String {
    let all = [
        ("defaultAction", before.default_action.as_str(), after.default_action.as_str()),
        ("publicNetworkAccess", before.public_network_access.as_str(), after.public_network_access.as_str()),
        ("networkRuleBypassOptions", before.bypass.as_str(), after.bypass.as_str()),
        ("dataEndpointEnabled", word(before.data_endpoint_enabled), word(after.data_endpoint_enabled)),
    ];
    let changed = all.iter().filter(|(_, before, after)| before != after);
    changed.map(|(name, _, after)| format!("{name} {after}")).collect::<Vec<_>>().join(", ")
}

const fn word(enabled: bool) -> &'static str {
    if enabled { "true" } else { "false" }
}

fn of_list(kind: &str, before: usize, after: usize) -> String {
    format!("{kind} replaced, {before} by {after}")
}

fn short(subnet: &SubnetId) -> String {
    format!("{}/{}", subnet.network, subnet.subnet)
}
