//! A naive policy as rows and endpoints, made to be obvious: what the agent's own compiler makes of it is compared elsewhere.

use std::collections::HashMap;

use ipnet::IpNet;
use registry_guard_common::{
    Address, Datagrams, Endpoint, EndpointKey, Entry, Family, HOST, LocalTraffic, NO_COUNTER, Reason, Response,
    RuleKey, Tag,
};

use super::Row;
use crate::naive::{self, Answer, Local, Place, Policy, UdpAnswer};

/// The rows of the registry with this index. Each rule counts under its own number: rules first, then service tags, then
/// private endpoints.
pub fn rows(policy: &Policy, registry: usize) -> Vec<Row> {
    let registry = &policy.registries[registry];
    let default = match (registry.public_network_access, registry.default_allow) {
        (false, _) => Reason::PublicAccessDisabled,
        (true, true) => Reason::DefaultAllow,
        (true, false) => Reason::NoRule,
    };
    let mut rows: HashMap<(u32, RuleKey), Entry> = HashMap::new();
    let mut counter = 0..;
    let mut counters = || counter.next().unwrap_or(NO_COUNTER);
    // What is put in first stays, so what comes first in the six steps is put in first.
    let mut put = |key: (u32, RuleKey), entry: Entry| _ = rows.entry(key).or_insert(entry);
    if registry.bypass {
        for prefix in &policy.trusted_services {
            put(row(0, *prefix), Entry::new(Reason::TrustedService, NO_COUNTER));
        }
    }
    let is_bypassed = |tag: u32, prefix: &IpNet| {
        tag == 0 && registry.bypass && IpNet::aggregate(&policy.trusted_services).iter().any(|all| all.contains(prefix))
    };
    for rule in &registry.rules {
        let counter = counters();
        if registry.public_network_access && !is_bypassed(rule.tag, &rule.prefix) {
            let allowed = if rule.tag == 0 { Reason::IpRule } else { Reason::SubnetRule };
            put(row(rule.tag, rule.prefix), entry(rule.allow, allowed, counter));
        }
    }
    let numbered: Vec<_> = registry.service_tags.iter().map(|tag| (counters(), tag)).collect();
    for allow in [false, true] {
        for (counter, tag) in numbered.iter().filter(|(_, tag)| tag.allow == allow) {
            for prefix in tag.prefixes.iter().filter(|prefix| !is_bypassed(0, prefix)) {
                if registry.public_network_access {
                    put(row(0, *prefix), entry(allow, Reason::ServiceTagRule, *counter));
                }
            }
        }
    }
    for endpoint in &registry.private_endpoints {
        let address = Address::from(endpoint.address);
        let key = RuleKey::private_endpoint(Tag::vni(endpoint.tag), &address);
        put((RuleKey::lookup_bits(&address), key), Entry::new(Reason::PrivateEndpoint, counters()));
    }
    for everyone in [Address::v4([0; 4]), Address::v6([0; 16])] {
        let key = RuleKey::new(Tag::PUBLIC, &everyone);
        put((RuleKey::FAMILY_BITS, key), Entry::new(default, NO_COUNTER));
    }
    rows.into_iter().map(|((bits, key), entry)| (bits, key, entry)).collect()
}

fn row(tag: u32, prefix: IpNet) -> (u32, RuleKey) {
    let bits = RuleKey::SCOPE_BITS + u32::from(prefix.prefix_len());
    (bits, RuleKey::new(Tag::vni(tag), &Address::from(prefix.network())))
}

const fn entry(allow: bool, allowed: Reason, counter: u32) -> Entry {
    Entry::new(if allow { allowed } else { Reason::DenyRule }, counter)
}

/// The endpoint map: what listens on the host, and in every other namespace.
pub fn endpoints(policy: &Policy) -> HashMap<EndpointKey, Endpoint> {
    let elsewhere = policy.namespaces.iter().filter(|namespace| namespace.number != HOST);
    let places = elsewhere.map(|namespace| (namespace.number, &namespace.endpoints));
    places
        .chain([(HOST, &policy.endpoints)])
        .flat_map(|(number, endpoints)| endpoints.iter().map(move |endpoint| (number, endpoint)))
        .map(|(number, endpoint)| (key(number, *endpoint), value(policy, endpoint.registry)))
        .collect()
}

fn key(namespace: u8, endpoint: naive::Endpoint) -> EndpointKey {
    match endpoint.place {
        Place::EveryIpv4 => EndpointKey::wildcard(namespace, Family::V4, endpoint.port),
        Place::EveryIpv6 => EndpointKey::wildcard(namespace, Family::V6, endpoint.port),
        Place::Address(address) => EndpointKey::exact(namespace, &Address::from(address), endpoint.port),
    }
}

fn value(policy: &Policy, index: usize) -> Endpoint {
    let registry = &policy.registries[index];
    let response = match registry.answer {
        Answer::Silence => Response::Drop,
        Answer::Reset => Response::Reset,
        Answer::Explanation => Response::Forbidden,
    };
    let datagrams = match registry.udp {
        UdpAnswer::Deny => Datagrams::Deny,
        UdpAnswer::Judge => Datagrams::Judge,
    };
    let local = match registry.local {
        Local::Judged => LocalTraffic::Judge,
        Local::Allowed => LocalTraffic::Allow,
    };
    Endpoint::new(u16::try_from(index).unwrap_or(u16::MAX - 1), response, datagrams, local)
}
