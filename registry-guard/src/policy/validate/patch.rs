use std::collections::HashSet;

use ipnet::IpNet;

use super::allowance::Allowance;
use super::grants::Grants;
use super::ip_rule::public_prefix;
use super::service_tag_rule::number_service_tag_rules;
use super::{action_of, unknown_word};
use crate::policy::{
    Action, BypassOptions, Edit, IpRule, IpRules, Limits, Policy, PolicyError, PublicNetworkAccess, Registry,
    RegistryPatch, RuleRequest, Settings, SubnetRule,
};

/// Stands in for a counter until the whole list is known to be good.
const UNSET: u32 = u32::MAX;

impl Policy {
    pub(super) fn patch_registry(
        &self,
        name: &str,
        patch: &RegistryPatch,
        limits: &Limits,
    ) -> Result<Vec<Edit>, PolicyError> {
        self.patch_registry_with(name, patch, limits, &mut Grants::new(self, limits))
    }

    /// As [`patch_registry`](Self::patch_registry), as one of several changes that share `grants`.
    pub(super) fn patch_registry_with(
        &self,
        name: &str,
        patch: &RegistryPatch,
        limits: &Limits,
        grants: &mut Grants<'_>,
    ) -> Result<Vec<Edit>, PolicyError> {
        let registry = self.find_registry(name)?;
        let key = name.to_ascii_lowercase();
        let settings = patched_settings(registry, patch)?;
        let ip_rules =
            patch.ip_rules.as_deref().map(|asked| ip_rules(asked, limits.allows_private(name))).transpose()?;
        let subnet_rules = patch.subnet_rules.as_deref().map(|asked| self.subnet_rules(asked)).transpose()?;
        let service_tag_rules = patch.service_tag_rules.as_deref();
        let service_tag_rules =
            service_tag_rules.map(|asked| self.service_tag_rules(asked, registry, limits)).transpose()?;

        let allowance = Allowance::of(registry, limits);
        let mut edits = Vec::new();
        if settings != registry.settings() {
            edits.push(Edit::SetRegistry { registry: key.clone(), settings });
        }
        if let Some(mut rules) = ip_rules {
            number_ip_rules(&mut rules, &registry.ip_rules, &allowance, grants)?;
            edits.extend(ip_rules_edit(&key, &registry.ip_rules, rules));
        }
        if let Some(mut rules) = subnet_rules {
            number_subnet_rules(&mut rules, registry, &allowance, grants)?;
            if rules != registry.subnet_rules {
                edits.push(Edit::ReplaceSubnetRules { registry: key.clone(), rules });
            }
        }
        if let Some(mut rules) = service_tag_rules {
            number_service_tag_rules(&mut rules, registry, grants)?;
            if rules != registry.service_tag_rules {
                edits.push(Edit::ReplaceServiceTagRules { registry: key, rules });
            }
        }
        Ok(edits)
    }

    fn subnet_rules(&self, asked: &[RuleRequest]) -> Result<Vec<SubnetRule>, PolicyError> {
        let mut seen = HashSet::with_capacity(asked.len());
        let mut rules = Vec::with_capacity(asked.len());
        for (place, request) in asked.iter().enumerate() {
            let field = |part: &str| format!("networkRuleSet.virtualNetworkRules[{place}].{part}");
            let subnet = self.existing_subnet(|| field("id"), &request.value)?;
            if !seen.insert(subnet.clone()) {
                return Err(PolicyError::DuplicateSubnetRule { id: request.value.clone() });
            }
            let action = action_of(|| field("action"), request.action.as_deref())?;
            rules.push(SubnetRule { subnet, action, counter: UNSET });
        }
        Ok(rules)
    }
}

fn patched_settings(registry: &Registry, patch: &RegistryPatch) -> Result<Settings, PolicyError> {
    let mut settings = registry.settings();
    if let Some(word) = &patch.default_action {
        settings.default_action =
            Action::parse(word).ok_or_else(|| unknown_word("networkRuleSet.defaultAction", word, Action::ACCEPTED))?;
    }
    if let Some(word) = &patch.public_network_access {
        settings.public_network_access = PublicNetworkAccess::parse(word)
            .ok_or_else(|| unknown_word("publicNetworkAccess", word, PublicNetworkAccess::ACCEPTED))?;
    }
    if let Some(word) = &patch.bypass {
        settings.bypass = BypassOptions::parse(word)
            .ok_or_else(|| unknown_word("networkRuleBypassOptions", word, BypassOptions::ACCEPTED))?;
    }
    if let Some(enabled) = patch.data_endpoint_enabled {
        settings.data_endpoint_enabled = enabled;
    }
    Ok(settings)
}

/// The rules asked for, one for each prefix. The first spelling of a prefix stays.
fn ip_rules(asked: &[RuleRequest], private_allowed: bool) -> Result<IpRules, PolicyError> {
    let mut rules = IpRules::with_capacity(asked.len());
    for (place, request) in asked.iter().enumerate() {
        let field = |part: &str| format!("networkRuleSet.ipRules[{place}].{part}");
        let prefix = public_prefix(|| field("value"), &request.value, private_allowed)?;
        let action = action_of(|| field("action"), request.action.as_deref())?;
        match rules.get(&prefix) {
            Some(first) if first.action == action => {}
            Some(first) => {
                let problem = format!("contradicts an earlier rule of this list, where {prefix} is {}", first.action);
                return Err(PolicyError::invalid(field("action"), action.as_str(), problem, first.action.as_str()));
            }
            None => {
                rules.insert(IpRule { value: request.value.clone(), prefix, action, counter: UNSET });
            }
        }
    }
    Ok(rules)
}

fn number_ip_rules(
    rules: &mut IpRules,
    before: &IpRules,
    allowance: &Allowance<'_>,
    grants: &mut Grants<'_>,
) -> Result<(), PolicyError> {
    let leaving: Vec<u32> =
        before.iter().filter(|rule| rules.get(&rule.prefix).is_none()).map(|rule| rule.counter).collect();
    let coming = rules.len() + leaving.len() - before.len();
    allowance.ip_rules(rules.len(), coming)?;
    let mut granted = grants.exchange(coming, leaving)?.into_iter();
    for (prefix, counter) in rules.counters_mut() {
        *counter = match before.get(prefix) {
            Some(same) => same.counter,
            None => granted.next().unwrap_or(UNSET),
        };
    }
    Ok(())
}

fn number_subnet_rules(
    rules: &mut [SubnetRule],
    registry: &Registry,
    allowance: &Allowance<'_>,
    grants: &mut Grants<'_>,
) -> Result<(), PolicyError> {
    let kept: HashSet<_> = rules.iter().map(|rule| &rule.subnet).collect();
    let before = &registry.subnet_rules;
    let leaving: Vec<u32> =
        before.iter().filter(|rule| !kept.contains(&rule.subnet)).map(|rule| rule.counter).collect();
    let coming = rules.len() + leaving.len() - before.len();
    allowance.subnet_rules(rules.len(), coming)?;
    let mut granted = grants.exchange(coming, leaving)?.into_iter();
    for rule in rules {
        rule.counter = match registry.subnet_rule(&rule.subnet) {
            Some(same) => same.counter,
            None => granted.next().unwrap_or(UNSET),
        };
    }
    Ok(())
}

/// The smallest edit that makes `before` into `after`: none, a single rule, or the whole list.
fn ip_rules_edit(registry: &str, before: &IpRules, after: IpRules) -> Option<Edit> {
    if *before == after {
        return None;
    }
    let registry = registry.to_owned();
    Some(match single_difference(before, &after) {
        Some(Difference::Inserted(rule)) => Edit::InsertIpRule { registry, rule: rule.clone() },
        Some(Difference::Removed(prefix)) => Edit::RemoveIpRule { registry, prefix },
        None => Edit::ReplaceIpRules { registry, rules: after },
    })
}

enum Difference<'a> {
    Inserted(&'a IpRule),
    Removed(IpNet),
}

/// The one rule in which two lists differ; `None` when they differ in more, or in order.
fn single_difference<'a>(before: &IpRules, after: &'a IpRules) -> Option<Difference<'a>> {
    let common = before.iter().zip(after.iter()).take_while(|(old, new)| old == new).count();
    let mut old = before.iter().skip(common);
    let mut new = after.iter().skip(common);
    match (old.next(), new.next()) {
        (None, Some(added)) if new.next().is_none() => Some(Difference::Inserted(added)),
        (Some(changed), Some(to)) if changed.prefix == to.prefix && old.clone().eq(new.clone()) => {
            Some(Difference::Inserted(to))
        }
        (Some(removed), _) if old.eq(after.iter().skip(common)) => Some(Difference::Removed(removed.prefix)),
        _ => None,
    }
}
