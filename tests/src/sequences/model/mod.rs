mod network;
mod prefix;
mod private_endpoint;
mod registry;
mod shown;
mod site;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::call::{Call, Condition, Step};

pub(super) use site::{GROUP, REGISTRY};

pub use shown::difference;
pub use site::Site;
pub use verdict::Probe;

/// What the owner has asked for so far, and was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, and any mix of them is one")]
pub struct Model {
    default_allow: bool,
    public_access: bool,
    bypass: bool,
    data_endpoints: bool,
    ip_rules: Vec<IpRule>,
    subnet_rules: Vec<SubnetRule>,
    private_endpoints: Vec<PrivateEndpoint>,
    /// By their names in lower case, as the API sorts them.
    networks: BTreeMap<String, Network>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct IpRule {
    value: String,
    prefix: IpNet,
    allow: bool,
}

/// Names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SubnetRule {
    network: String,
    subnet: String,
    allow: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PrivateEndpoint {
    name: String,
    /// In lower case.
    network: String,
    address: IpAddr,
    approved: bool,
    description: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    name: String,
    vni: u32,
    prefixes: Vec<IpNet>,
    subnets: Vec<Subnet>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Subnet {
    name: String,
    prefixes: Vec<IpNet>,
    endpoint: bool,
}

/// What must come of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is obeyed, even if everything was so already.
    Accepted,
    /// It is refused with one of these statuses, each for something that is wrong with it.
    Refused(BTreeSet<u16>),
}

impl Expected {
    /// Whether an answer with this status is what must come.
    pub fn is_met_by(&self, status: u16) -> bool {
        match self {
            Self::Accepted => (200..300).contains(&status),
            Self::Refused(statuses) => statuses.contains(&status),
        }
    }
}

/// What is wrong with a call, as statuses that say so.
#[derive(Debug, Default)]
struct Faults(BTreeSet<u16>);

impl Faults {
    const BAD: u16 = 400;
    const MISSING: u16 = 404;
    const CONFLICT: u16 = 409;
    const CONDITION: u16 = 412;

    fn add(&mut self, status: u16) {
        self.0.insert(status);
    }

    /// Notes the fault unless the value is there.
    fn need<T>(&mut self, value: Option<T>, status: u16) -> Option<T> {
        if value.is_none() {
            self.add(status);
        }
        value
    }
}

impl Model {
    /// What the agent starts with: nobody is let in, but trusted services.
    pub fn fresh() -> Self {
        Self {
            default_allow: false,
            public_access: true,
            bypass: true,
            data_endpoints: false,
            ip_rules: Vec::new(),
            subnet_rules: Vec::new(),
            private_endpoints: Vec::new(),
            networks: BTreeMap::new(),
        }
    }

    /// Obeys or refuses.
    pub fn obey(&mut self, step: &Step) -> Expected {
        let mut faults = Faults::default();
        self.hold_against(step, &mut faults);
        let mut after = self.clone();
        after.follow(&step.call, &mut faults);
        if faults.0.is_empty() {
            *self = after;
            Expected::Accepted
        } else {
            Expected::Refused(faults.0)
        }
    }

    fn hold_against(&self, step: &Step, faults: &mut Faults) {
        match step.condition {
            Condition::IfStale => faults.add(Faults::CONDITION),
            Condition::IfGarbage(_) => faults.0.extend([Faults::BAD, Faults::CONDITION]),
            Condition::IfAbsent if self.has(&step.call) => faults.add(Faults::CONDITION),
            Condition::Always | Condition::IfCurrent | Condition::IfAbsent => {}
            Condition::IfAbsentGarbage(_) => faults.add(Faults::BAD),
        }
    }

    fn has(&self, call: &Call) -> bool {
        match call {
            Call::PutNetwork { name, .. } => self.networks.contains_key(&name.to_ascii_lowercase()),
            Call::PutSubnet(network, text) => {
                self.networks.get(&network.to_ascii_lowercase()).is_some_and(|network| network.has(&text.name))
            }
            Call::PutPrivateEndpoint { name, .. } => self.place_of_private_endpoint(name).is_some(),
            _ => false,
        }
    }

    fn follow(&mut self, call: &Call, faults: &mut Faults) {
        match call {
            Call::Patch { .. } => self.patch(call, faults),
            Call::PutIpRule(rule) => self.put_ip_rule(rule, faults),
            Call::DeleteIpRule(value) => self.delete_ip_rule(value, faults),
            Call::PutSubnetRule(rule) => self.put_subnet_rule(rule, faults),
            Call::DeleteSubnetRule(id) => self.delete_subnet_rule(id, faults),
            Call::PutNetwork { .. } => self.put_network(call, faults),
            Call::DeleteNetwork(name) => self.delete_network(name, faults),
            Call::PutSubnet(network, text) => self.put_subnet(network, text, faults),
            Call::DeleteSubnet(network, name) => self.delete_subnet(network, name, faults),
            Call::PutPrivateEndpoint { .. } => self.put_private_endpoint(call, faults),
            Call::DeletePrivateEndpoint(name) => self.delete_private_endpoint(name, faults),
            Call::Nonsense { .. } => faults.0.extend([Faults::BAD, Faults::MISSING, 405]),
        }
    }
}
