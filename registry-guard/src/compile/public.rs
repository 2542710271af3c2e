//! The rows of public traffic: those of IP rules and of the prefixes of service tags.

use std::collections::HashSet;

use ipnet::IpNet;
use registry_guard_common::{Reason, Tag};

use super::{TrustedPrefixes, entry};
use crate::kernel::Row;
use crate::policy::{Action, BypassOptions, IpRule, Policy, PublicNetworkAccess, Registry, ServiceTagRule};

/// The rows of all rules of `registry` for public sources, one for each prefix.
pub fn public_rows<'a>(
    registry: &'a Registry,
    policy: &'a Policy,
    trusted: &'a TrustedPrefixes,
) -> impl Iterator<Item = Row> + 'a {
    let ip_rows = registry.ip_rules.iter().map(|rule| (rule.prefix, ip_row(rule)));
    let mut taken = HashSet::new();
    let tag_rows = by_precedence(registry)
        .flat_map(|rule| {
            policy.service_tag_prefixes(&rule.tag).iter().map(move |prefix| (*prefix, tag_row(rule, *prefix)))
        })
        .filter(move |(prefix, _)| registry.ip_rules.get(prefix).is_none() && taken.insert(*prefix));
    ip_rows.chain(tag_rows).filter(|(prefix, _)| decides(registry, prefix, trusted)).map(|(_, row)| row)
}

/// The row of exactly `prefix` when `ip_rule` is the IP rule for it, or there is none: that of the rule, else of a service tag
/// with that prefix, if it can ever decide.
pub fn public_row(
    registry: &Registry,
    prefix: &IpNet,
    ip_rule: Option<&IpRule>,
    policy: &Policy,
    trusted: &TrustedPrefixes,
) -> Option<Row> {
    if !decides(registry, prefix, trusted) {
        return None;
    }
    let has = |rule: &&ServiceTagRule| policy.service_tag_prefixes(&rule.tag).binary_search(prefix).is_ok();
    let of_tags = || by_precedence(registry).find(has).map(|rule| tag_row(rule, *prefix));
    ip_rule.map(ip_row).or_else(of_tags)
}

/// A rule decides neither while public access is disabled, nor where trusted services, which come first, have all of its
/// sources.
fn decides(registry: &Registry, prefix: &IpNet, trusted: &TrustedPrefixes) -> bool {
    let bypassed = registry.bypass == BypassOptions::AzureServices && trusted.cover(prefix);
    registry.public_network_access == PublicNetworkAccess::Enabled && !bypassed
}

/// Of two service tags with the same prefix, the one that is denied counts, else the one that was named first.
fn by_precedence(registry: &Registry) -> impl Iterator<Item = &ServiceTagRule> {
    let those = |action| registry.service_tag_rules.iter().filter(move |rule| rule.action == action);
    those(Action::Deny).chain(those(Action::Allow))
}

fn ip_row(rule: &IpRule) -> Row {
    Row::prefix(Tag::PUBLIC, rule.prefix, entry(rule.action, Reason::IpRule, rule.counter))
}

fn tag_row(rule: &ServiceTagRule, prefix: IpNet) -> Row {
    Row::prefix(Tag::PUBLIC, prefix, entry(rule.action, Reason::ServiceTagRule, rule.counter))
}
