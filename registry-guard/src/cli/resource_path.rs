//! The ARM paths of the agent's API.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const RESOURCE_GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard";

/// Dots are encoded too, so that no name can read as `.` or `..`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// All registries.
pub(crate) fn registries() -> String {
    format!("{RESOURCE_GROUP}/providers/Microsoft.ContainerRegistry/registries")
}

/// One registry.
pub(crate) fn registry(name: &str) -> String {
    format!("{}/{}", registries(), encode(name))
}

/// The IP rules of a registry, with their hit counters.
pub(crate) fn ip_rules(registry_name: &str) -> String {
    format!("{}/ipRules", registry(registry_name))
}

/// One IP rule, by address or prefix as the user spells it.
pub(crate) fn ip_rule(registry_name: &str, value: &str) -> String {
    format!("{}/{}", ip_rules(registry_name), encode(value))
}

/// The virtual-network rules of a registry, with their hit counters.
pub(crate) fn subnet_rules(registry_name: &str) -> String {
    format!("{}/virtualNetworkRules", registry(registry_name))
}

/// One virtual-network rule, by the subnet's full id.
pub(crate) fn subnet_rule(registry_name: &str, subnet_id: &str) -> String {
    format!("{}/{}", subnet_rules(registry_name), encode(subnet_id))
}

/// The service-tag rules of a registry, with their hit counters.
pub(crate) fn service_tag_rules(registry_name: &str) -> String {
    format!("{}/serviceTagRules", registry(registry_name))
}

/// One service-tag rule, by the tag's name.
pub(crate) fn service_tag_rule(registry_name: &str, tag: &str) -> String {
    format!("{}/{}", service_tag_rules(registry_name), encode(tag))
}

/// All service tags.
pub(crate) fn service_tags() -> String {
    format!("{RESOURCE_GROUP}/providers/Microsoft.Network/locations/local/serviceTags")
}

/// All service tags, to be replaced; with each prefix that comes or goes in the answer, or without.
pub(crate) fn service_tags_file(with_prefixes: bool) -> String {
    format!("{}?prefixes={with_prefixes}", service_tags())
}

/// One service tag.
pub(crate) fn service_tag(name: &str) -> String {
    format!("{}/{}", service_tags(), encode(name))
}

/// The private endpoint connections of a registry.
pub(crate) fn private_endpoints(registry_name: &str) -> String {
    format!("{}/privateEndpointConnections", registry(registry_name))
}

/// One private endpoint connection.
pub(crate) fn private_endpoint(registry_name: &str, name: &str) -> String {
    format!("{}/{}", private_endpoints(registry_name), encode(name))
}

/// Where the clients of a registry find it.
pub(crate) fn endpoints(registry_name: &str) -> String {
    format!("{}/endpoints", registry(registry_name))
}

/// The question "what would the kernel do with this source?".
pub(crate) fn check(registry_name: &str) -> String {
    format!("{}/check", registry(registry_name))
}

/// What was denied lately, by one registry or by any, or what is denied from now on.
pub(crate) fn events(registry_name: Option<&str>, follow: bool) -> String {
    let registry = registry_name.map(|name| format!("&registry={}", encode(name))).unwrap_or_default();
    format!("/events?follow={follow}{registry}")
}

/// The policy as a document, or one registry's part of it.
pub(crate) fn policy(registry_name: Option<&str>) -> String {
    registry_name.map_or_else(|| "/policy".to_owned(), |name| format!("/policy?registry={}", encode(name)))
}

/// Where a document goes that is to be applied, or only compared; `tell`: the answer is to say what changes.
pub(crate) fn apply(dry_run: bool, tell: bool) -> String {
    format!("/policy?dryRun={dry_run}{}", if tell { "" } else { "&return=minimal" })
}

/// The changes of whole lists, those under way and those of late.
pub(crate) fn operations() -> String {
    const PROVIDER: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.ContainerRegistry";
    format!("{PROVIDER}/locations/local/operationStatuses")
}

/// One of them.
pub(crate) fn operation(id: &str) -> String {
    format!("{}/{}", operations(), encode(id))
}

fn all_revisions() -> String {
    const PROVIDER: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.ContainerRegistry";
    format!("{PROVIDER}/locations/local/revisions")
}

/// The newest revisions, all or so many, of everything or about one registry.
pub(crate) fn revisions(registry_name: Option<&str>, top: Option<u32>) -> String {
    let registry = registry_name.map(|name| format!("registry={}", encode(name)));
    let asked: Vec<String> = registry.into_iter().chain(top.map(|top| format!("top={top}"))).collect();
    format!("{}?{}", all_revisions(), asked.join("&"))
}

/// How a revision, or the last one, differs from another, or the one before it.
pub(crate) fn changes(from: Option<u64>, to: Option<u64>) -> String {
    let to = to.map_or_else(|| "last".to_owned(), |to| to.to_string());
    format!("{}/{to}/changes{}", all_revisions(), from.map(|from| format!("?since={from}")).unwrap_or_default())
}

/// Where the policy of a revision, or of the one before the last, is asked back.
pub(crate) fn rollback(to: Option<u64>, dry_run: bool) -> String {
    let to = to.map_or_else(|| "previous".to_owned(), |to| to.to_string());
    format!("{}/{to}/rollback?dryRun={dry_run}", all_revisions())
}

/// Where a revision, or the last one, is confirmed.
pub(crate) fn confirm(revision: Option<u64>) -> String {
    format!(
        "{}/{}/confirm",
        all_revisions(),
        revision.map_or_else(|| "last".to_owned(), |revision| revision.to_string())
    )
}

/// All virtual networks.
pub(crate) fn networks() -> String {
    format!("{RESOURCE_GROUP}/providers/Microsoft.Network/virtualNetworks")
}

/// One virtual network.
pub(crate) fn network(name: &str) -> String {
    format!("{}/{}", networks(), encode(name))
}

/// All subnets of a virtual network.
pub(crate) fn subnets(network_name: &str) -> String {
    format!("{}/subnets", network(network_name))
}

/// One subnet.
pub(crate) fn subnet(network_name: &str, name: &str) -> String {
    format!("{}/{}", subnets(network_name), encode(name))
}

/// The full ARM id of a subnet, as rules name it (not percent-encoded).
pub(crate) fn subnet_id(network_name: &str, name: &str) -> String {
    format!("{}/{network_name}/subnets/{name}", networks())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_one_segment() {
        assert!(ip_rule("contoso", "203.0.113.0/24").ends_with("/registries/contoso/ipRules/203%2E0%2E113%2E0%2F24"));
        assert!(ip_rule("contoso", "2001:db8::/32").ends_with("/ipRules/2001%3Adb8%3A%3A%2F32"));
    }

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert!(registry("../x?y#z").ends_with("/registries/%2E%2E%2Fx%3Fy%23z"));
        assert!(registry("..").ends_with("/registries/%2E%2E"));
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_a_query() {
        assert_eq!(events(None, false), "/events?follow=false");
        assert_eq!(events(Some("a&b=c d"), true), "/events?follow=true&registry=a%26b%3Dc%20d");
    }

    #[test]
    fn a_subnet_id_is_one_segment_of_a_rule_path() {
        let id = subnet_id("office", "ci");
        assert!(id.ends_with("/Microsoft.Network/virtualNetworks/office/subnets/ci"));
        let path = subnet_rule("contoso", &id);
        assert_eq!(path.matches('/').count(), subnet_rules("contoso").matches('/').count() + 1);
    }
}
