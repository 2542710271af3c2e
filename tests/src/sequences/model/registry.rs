use super::prefix::{read, read_public};
use super::site::REGISTRY;
use super::{Faults, IpRule, Model, SubnetRule};
use crate::sequences::call::{Call, RuleText};

/// One of two words in any case: whether it is the first.
fn either(text: &str, words: [&str; 2]) -> Option<bool> {
    let place = words.iter().position(|word| word.eq_ignore_ascii_case(text))?;
    Some(place == 0)
}

fn setting(to: &mut bool, asked: Option<&String>, words: [&str; 2], faults: &mut Faults) {
    if let Some(text) = asked {
        *to = faults.need(either(text, words), Faults::BAD).unwrap_or(*to);
    }
}

/// Whether a rule lets in; without a word it does.
fn allows(action: Option<&str>, faults: &mut Faults) -> bool {
    action.is_none_or(|word| faults.need(either(word, ["Allow", "Deny"]), Faults::BAD).unwrap_or(true))
}

impl Model {
    pub(super) fn patch(&mut self, call: &Call, faults: &mut Faults) {
        let Call::Patch { registry, default_action, public_network_access, bypass, .. } = call else { return };
        let Call::Patch { data_endpoint_enabled, sku, ip_rules, subnet_rules, .. } = call else { return };
        if !registry.eq_ignore_ascii_case(REGISTRY) {
            faults.add(Faults::MISSING);
        }
        if sku.as_ref().is_some_and(|sku| !sku.eq_ignore_ascii_case("Premium")) {
            faults.add(Faults::BAD);
        }
        setting(&mut self.default_allow, default_action.as_ref(), ["Allow", "Deny"], faults);
        setting(&mut self.public_access, public_network_access.as_ref(), ["Enabled", "Disabled"], faults);
        setting(&mut self.bypass, bypass.as_ref(), ["AzureServices", "None"], faults);
        self.data_endpoints = data_endpoint_enabled.unwrap_or(self.data_endpoints);
        if let Some(rules) = ip_rules {
            self.ip_rules.clear();
            for rule in rules {
                self.list_ip_rule(rule, faults);
            }
        }
        if let Some(rules) = subnet_rules {
            self.subnet_rules.clear();
            for rule in rules {
                self.list_subnet_rule(rule, faults);
            }
        }
    }

    /// One rule of a whole list: the same twice is once, the opposite is a contradiction.
    fn list_ip_rule(&mut self, rule: &RuleText, faults: &mut Faults) {
        let allow = allows(rule.action.as_deref(), faults);
        let Some(prefix) = faults.need(read_public(&rule.value), Faults::BAD) else { return };
        match self.ip_rules.iter().find(|earlier| earlier.prefix == prefix) {
            Some(earlier) if earlier.allow == allow => {}
            Some(_) => faults.add(Faults::BAD),
            None => self.ip_rules.push(IpRule { value: rule.value.clone(), prefix, allow }),
        }
    }

    /// One rule of a whole list: each subnet once.
    fn list_subnet_rule(&mut self, rule: &RuleText, faults: &mut Faults) {
        let allow = allows(rule.action.as_deref(), faults);
        let known = subnet_of(&rule.value).filter(|(network, subnet)| self.has_subnet(network, subnet));
        let Some((network, subnet)) = faults.need(known, Faults::BAD) else { return };
        if self.place_of_subnet_rule(&network, &subnet).is_some() {
            return faults.add(Faults::BAD);
        }
        self.subnet_rules.push(SubnetRule { network, subnet, allow });
    }

    pub(super) fn put_ip_rule(&mut self, rule: &RuleText, faults: &mut Faults) {
        let allow = allows(rule.action.as_deref(), faults);
        let Some(prefix) = faults.need(read_public(&rule.value), Faults::BAD) else { return };
        match self.ip_rules.iter_mut().find(|there| there.prefix == prefix) {
            Some(there) if !there.allow && rule.action.is_none() => faults.add(Faults::CONFLICT),
            Some(there) => there.allow = allow,
            None => self.ip_rules.push(IpRule { value: rule.value.clone(), prefix, allow }),
        }
    }

    pub(super) fn delete_ip_rule(&mut self, value: &str, faults: &mut Faults) {
        let Some(prefix) = faults.need(read(value), Faults::BAD) else { return };
        let place = self.ip_rules.iter().position(|rule| rule.prefix == prefix);
        if let Some(place) = faults.need(place, Faults::MISSING) {
            self.ip_rules.remove(place);
        }
    }

    pub(super) fn put_subnet_rule(&mut self, rule: &RuleText, faults: &mut Faults) {
        let allow = allows(rule.action.as_deref(), faults);
        let Some((network, subnet)) = faults.need(subnet_of(&rule.value), Faults::BAD) else { return };
        if !self.has_subnet(&network, &subnet) {
            return faults.add(Faults::MISSING);
        }
        match self.place_of_subnet_rule(&network, &subnet).and_then(|place| self.subnet_rules.get_mut(place)) {
            Some(there) if !there.allow && rule.action.is_none() => faults.add(Faults::CONFLICT),
            Some(there) => there.allow = allow,
            None => self.subnet_rules.push(SubnetRule { network, subnet, allow }),
        }
    }

    pub(super) fn delete_subnet_rule(&mut self, id: &str, faults: &mut Faults) {
        let Some((network, subnet)) = faults.need(subnet_of(id), Faults::BAD) else { return };
        if let Some(place) = faults.need(self.place_of_subnet_rule(&network, &subnet), Faults::MISSING) {
            self.subnet_rules.remove(place);
        }
    }

    /// Names in lower case.
    fn place_of_subnet_rule(&self, network: &str, subnet: &str) -> Option<usize> {
        self.subnet_rules.iter().position(|rule| rule.network == network && rule.subnet == subnet)
    }

    fn has_subnet(&self, network: &str, subnet: &str) -> bool {
        self.networks.get(network).is_some_and(|network| network.has(subnet))
    }
}

/// The network and the subnet that an id names, in lower case.
fn subnet_of(id: &str) -> Option<(String, String)> {
    let id = id.to_ascii_lowercase();
    let start = format!("{}/providers/microsoft.network/virtualnetworks/", super::GROUP.to_ascii_lowercase());
    let (network, subnet) = id.strip_prefix(&start)?.split_once("/subnets/")?;
    let is_name = |name: &str| !name.is_empty() && !name.contains('/');
    (is_name(network) && is_name(subnet)).then(|| (network.to_owned(), subnet.to_owned()))
}
