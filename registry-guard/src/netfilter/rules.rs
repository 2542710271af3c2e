//! Chains of rules, whoever wrote them, and what they do with a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// Where a rule sends a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// To another address or port, as far as they are told.
    Other {
        /// The address; the same if there is none.
        address: Option<IpAddr>,
        /// The port, host byte order; the same if there is none.
        port: Option<u16>,
        /// As the rule spells it.
        text: String,
    },
    /// To this host itself, at another port (host byte order), or the same if there is none.
    Here(Option<u16>),
    /// To a socket of a transparent proxy, whatever its address.
    Socket,
}

/// A rule that may take a connection elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Translation {
    /// Its table, such as `ip nat`.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// Where the connection goes.
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Address,
    Port,
    Protocol,
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Addresses(RangeInclusive<IpAddr>),
    Ports(RangeInclusive<u16>),
    Protocol(bool),
    Unknown,
}

/// Fields of which nothing is known have no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) field: Field,
    pub(super) negated: bool,
    pub(super) values: Vec<Value>,
}

impl Condition {
    /// The packet is of TCP, or of a protocol that is not.
    pub(super) fn protocol(tcp: bool) -> Self {
        Self { field: Field::Protocol, negated: false, values: vec![Value::Protocol(tcp)] }
    }

    fn may_hold(&self, destination: SocketAddr) -> bool {
        let is = |value: &Value| match (self.field, value) {
            (Field::Address, Value::Addresses(range)) => {
                range.start().is_ipv4() == destination.is_ipv4() && range.contains(&destination.ip())
            }
            (Field::Port, Value::Ports(range)) => range.contains(&destination.port()),
            (Field::Protocol, Value::Protocol(tcp)) => *tcp,
            _ => false,
        };
        let unknown = self.values.contains(&Value::Unknown);
        if self.negated { !self.values.iter().any(is) } else { unknown || self.values.iter().any(is) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Translate(Target),
    Chain(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// Packets that arrive begin here, before they are routed.
    pub(super) first: bool,
    pub(super) rules: Vec<Rule>,
}

/// The chains of a table, by name.
pub(super) type Chains = BTreeMap<String, Chain>;

/// Every table whose rules are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    tables: BTreeMap<String, Chains>,
    /// Tables of which a part is not told.
    vague: BTreeSet<String>,
}

impl Ruleset {
    pub(super) fn chain(&mut self, table: &str, chain: &str) -> &mut Chain {
        self.tables.entry(table.to_owned()).or_default().entry(chain.to_owned()).or_default()
    }

    pub(super) fn replace(&mut self, table: &str, chains: Chains) {
        self.tables.insert(table.to_owned(), chains);
    }

    pub(super) fn mark_vague(&mut self, table: &str) {
        self.vague.insert(table.to_owned());
    }

    pub(super) fn is_vague(&self, table: &str) -> bool {
        self.vague.contains(table)
    }

    /// The rules that may take a TCP connection to `destination` elsewhere when it arrives, each target once.
    pub fn translations(&self, destination: SocketAddr) -> BTreeSet<Translation> {
        let mut found = BTreeSet::new();
        for (table, chains) in &self.tables {
            let family = table.split(' ').next().unwrap_or_default();
            let applies = match family {
                "ip" => destination.is_ipv4(),
                "ip6" => destination.is_ipv6(),
                family => family == "inet",
            };
            if !applies {
                continue;
            }
            // Whatever leads to a chain, its own rules say the same of a destination, so one look is enough.
            let mut ahead: Vec<&str> =
                chains.iter().filter(|(_, one)| one.first).map(|(name, _)| name.as_str()).collect();
            let mut seen = BTreeSet::new();
            while let Some(name) = ahead.pop() {
                let Some(chain) = chains.get(name).filter(|_| seen.insert(name)) else { continue };
                let may_hold = |rule: &&Rule| rule.conditions.iter().all(|condition| condition.may_hold(destination));
                for rule in chain.rules.iter().filter(may_hold) {
                    match &rule.action {
                        Action::Chain(next) => ahead.push(next),
                        Action::Translate(target) => {
                            let (table, chain, target) = (table.clone(), name.to_owned(), target.clone());
                            found.insert(Translation { table, chain, target });
                        }
                    }
                }
            }
        }
        found
    }
}

/// The addresses of a prefix.
pub(super) fn prefix(prefix: ipnet::IpNet) -> Value {
    Value::Addresses(prefix.network()..=prefix.broadcast())
}

/// An address with a port, or either alone, as `iptables` and `nft` write a target.
pub(super) fn target(text: &str) -> Target {
    let (address, port) = match (text.parse::<SocketAddr>(), text.parse::<IpAddr>()) {
        (Ok(both), _) => (Some(both.ip()), Some(both.port())),
        (_, Ok(address)) => (Some(address), None),
        _ => (None, text.strip_prefix(':').and_then(|port| port.parse().ok())),
    };
    Target::Other { address, port, text: text.to_owned() }
}

#[cfg(test)]
impl Ruleset {
    /// The table `ip nat` with these rules, as `iptables-save` prints them.
    pub(crate) fn of_iptables(rules: &str) -> Self {
        let mut ruleset = Self::default();
        ruleset.replace("ip nat", super::iptables::parse(rules));
        ruleset
    }
}
