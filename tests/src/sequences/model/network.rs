use ipnet::IpNet;

use super::prefix::{are_apart, read_apart};
use super::{Faults, Model, Network, Subnet};
use crate::sequences::call::{Call, SubnetText};

/// What a network or a subnet may be called.
pub(super) fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&letter))
        && name.len() <= 80
}

impl Network {
    pub(super) fn has(&self, subnet: &str) -> bool {
        self.subnet(subnet).is_some()
    }

    pub(super) fn subnet(&self, name: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.name.eq_ignore_ascii_case(name))
    }

    /// Whether each subnet lies inside the network and beside the others.
    fn holds_together(&self) -> bool {
        let all: Vec<IpNet> = self.subnets.iter().flat_map(|subnet| &subnet.prefixes).copied().collect();
        let inside = |prefix: &IpNet| self.prefixes.iter().any(|space| space.contains(prefix));
        all.iter().all(inside) && are_apart(&all)
    }
}

/// The prefixes asked for, or else those there were.
fn prefixes(asked: Option<&Vec<String>>, before: Option<&Vec<IpNet>>, faults: &mut Faults) -> Vec<IpNet> {
    let prefixes = asked.map_or_else(|| before.cloned(), |texts| read_apart(texts));
    faults.need(prefixes, Faults::BAD).unwrap_or_default()
}

fn subnet(text: &SubnetText, before: Option<&Subnet>, faults: &mut Faults) -> Subnet {
    if !is_name(&text.name) {
        faults.add(Faults::BAD);
    }
    let mut endpoint = before.is_some_and(|before| before.endpoint);
    if let Some(services) = &text.services {
        let named: Vec<&String> = services.iter().filter(|service| !service.is_empty()).collect();
        if named.iter().any(|service| !service.eq_ignore_ascii_case("Microsoft.ContainerRegistry")) {
            faults.add(Faults::BAD);
        }
        endpoint = !named.is_empty();
    }
    Subnet {
        name: before.map_or(&text.name, |before| &before.name).clone(),
        prefixes: prefixes(text.prefixes.as_ref(), before.map(|before| &before.prefixes), faults),
        endpoint,
    }
}

impl Model {
    pub(super) fn put_network(&mut self, call: &Call, faults: &mut Faults) {
        let Call::PutNetwork { name, vni, prefixes: space, subnets } = call else { return };
        let key = name.to_ascii_lowercase();
        let before = self.networks.get(&key).cloned();
        if !is_name(name) {
            faults.add(Faults::BAD);
        }
        let vni = match vni {
            Some(vni) => u32::try_from(*vni).ok().filter(|vni| *vni != 0 && *vni < 1 << 24),
            None => before.as_ref().map(|before| before.vni),
        };
        let vni = faults.need(vni, Faults::BAD).unwrap_or_default();
        if self.networks.iter().any(|(other, network)| *other != key && network.vni == vni) {
            faults.add(Faults::CONFLICT);
        }
        let subnets = match subnets {
            None => before.as_ref().map(|before| before.subnets.clone()).unwrap_or_default(),
            Some(texts) => {
                let known = |text: &SubnetText| before.as_ref().and_then(|before| before.subnet(&text.name));
                texts.iter().map(|text| subnet(text, known(text), faults)).collect()
            }
        };
        let network = Network {
            name: before.as_ref().map_or(name, |before| &before.name).clone(),
            vni,
            prefixes: prefixes(space.as_ref(), before.as_ref().map(|before| &before.prefixes), faults),
            subnets,
        };
        self.replace_network(&key, network, faults);
    }

    pub(super) fn put_subnet(&mut self, network: &str, text: &SubnetText, faults: &mut Faults) {
        let key = network.to_ascii_lowercase();
        let Some(mut network) = faults.need(self.networks.get(&key).cloned(), Faults::MISSING) else { return };
        let subnet = subnet(text, network.subnet(&text.name), faults);
        match network.subnets.iter_mut().find(|there| there.name.eq_ignore_ascii_case(&text.name)) {
            Some(there) => *there = subnet,
            None => network.subnets.push(subnet),
        }
        self.replace_network(&key, network, faults);
    }

    pub(super) fn delete_subnet(&mut self, network: &str, name: &str, faults: &mut Faults) {
        let key = network.to_ascii_lowercase();
        let Some(mut network) = faults.need(self.networks.get(&key).cloned(), Faults::MISSING) else { return };
        if !network.has(name) {
            return faults.add(Faults::MISSING);
        }
        network.subnets.retain(|subnet| !subnet.name.eq_ignore_ascii_case(name));
        self.replace_network(&key, network, faults);
    }

    pub(super) fn delete_network(&mut self, name: &str, faults: &mut Faults) {
        let key = name.to_ascii_lowercase();
        if self.networks.remove(&key).is_none() {
            return faults.add(Faults::MISSING);
        }
        let named = self.subnet_rules.iter().any(|rule| rule.network == key);
        let inhabited = self.private_endpoints.iter().any(|endpoint| endpoint.network == key);
        if named || inhabited {
            faults.add(Faults::CONFLICT);
        }
    }

    /// What the network would leave behind or outside speaks against it.
    fn replace_network(&mut self, key: &str, network: Network, faults: &mut Faults) {
        let names: Vec<String> = network.subnets.iter().map(|subnet| subnet.name.to_ascii_lowercase()).collect();
        let twice = names.iter().enumerate().any(|(place, name)| names[..place].contains(name));
        let outside = |address| !network.prefixes.iter().any(|prefix| prefix.contains(&address));
        let stray = self.private_endpoints.iter().any(|there| there.network == key && outside(there.address));
        if twice || stray || !network.holds_together() {
            faults.add(Faults::BAD);
        }
        if self.subnet_rules.iter().any(|rule| rule.network == key && !names.contains(&rule.subnet)) {
            faults.add(Faults::CONFLICT);
        }
        self.networks.insert(key.to_owned(), network);
    }
}
