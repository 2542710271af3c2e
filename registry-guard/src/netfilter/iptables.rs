//! What `iptables-save -t nat` prints: one rule on each line, as the arguments that made it (iptables-save(8)).

use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::rules::{Action, Chain, Chains, Condition, Field, Rule, Target, Value, prefix, target};

/// The chains of the table.
pub(super) fn parse(text: &str) -> Chains {
    let mut chains = Chains::new();
    for line in text.lines() {
        let line = unquoted(line);
        let mut words = line.split_ascii_whitespace();
        if let (Some("-A"), Some(name)) = (words.next(), words.next()) {
            let first = name == "PREROUTING";
            let chain = chains.entry(name.to_owned()).or_insert_with(|| Chain { first, ..Chain::default() });
            chain.rules.extend(rule(words.collect()));
        }
    }
    chains
}

/// The line without what is in quotes, which are comments and names that may look like arguments.
fn unquoted(line: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let outside = line.chars().filter(|letter| {
        let quote = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        quoted ^= quote;
        !quoted && !quote
    });
    outside.collect()
}

/// `None` for a rule that leaves its packets where they are.
fn rule(words: Vec<&str>) -> Option<Rule> {
    let (mut conditions, mut negated, mut jump, mut destination) = (Vec::new(), false, None, None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut condition = |field, values| conditions.push(Condition { field, negated, values });
        match word {
            "!" => {
                negated = true;
                continue;
            }
            "-d" => condition(Field::Address, vec![address(words.next())]),
            "-p" => condition(Field::Protocol, vec![protocol(words.next())]),
            "--dport" | "--dports" => {
                condition(Field::Port, words.next().unwrap_or_default().split(',').map(ports).collect());
            }
            "-j" | "-g" => jump = words.next(),
            "--to-destination" | "--to-ports" => destination = words.next(),
            // What else a rule asks for is not known; its value is read as a word that means nothing.
            _ => {}
        }
        negated = false;
    }
    let action = match jump? {
        "DNAT" | "NETMAP" => Action::Translate(target(destination.unwrap_or("an address that is not told"))),
        "REDIRECT" => {
            Action::Translate(Target::Here(destination.and_then(|ports| ports.split('-').next()?.parse().ok())))
        }
        "TPROXY" => Action::Translate(Target::Socket),
        chain => Action::Chain(chain.to_owned()),
    };
    Some(Rule { conditions, action })
}

fn address(word: Option<&str>) -> Value {
    let word = word.unwrap_or_default();
    let parsed = word.parse::<IpNet>().ok().or_else(|| word.parse::<std::net::IpAddr>().ok().map(IpNet::from));
    parsed.map_or(Value::Unknown, prefix)
}

fn protocol(word: Option<&str>) -> Value {
    match word {
        Some("tcp" | "6") => Value::Protocol(true),
        Some("udp" | "icmp" | "ipv6-icmp" | "sctp" | "udplite" | "dccp" | "17") => Value::Protocol(false),
        _ => Value::Unknown,
    }
}

fn ports(word: &str) -> Value {
    let (low, high) = word.split_once(':').unwrap_or((word, word));
    let range = |low: &str, high: &str| -> Option<RangeInclusive<u16>> { Some(low.parse().ok()?..=high.parse().ok()?) };
    range(low, high).map_or(Value::Unknown, Value::Ports)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use crate::netfilter::rules::Ruleset;

    fn targets(rules: &str, destination: &str) -> Vec<String> {
        let found = Ruleset::of_iptables(rules).translations(destination.parse::<SocketAddr>().unwrap());
        found.into_iter().map(|one| format!("{}: {:?}", one.chain, one.target)).collect()
    }

    /// As Docker leaves them for a published port.
    const DOCKER: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n\
        -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n\
        -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n\
        -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n\
        -A DOCKER -i docker0 -j RETURN\n\
        -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 172.17.0.2:5000\nCOMMIT\n";

    #[test]
    fn a_published_port_is_found_through_the_chain_that_leads_to_it() {
        let other = "Other { address: Some(172.17.0.2), port: Some(5000), text: \"172.17.0.2:5000\" }";
        assert_eq!(targets(DOCKER, "203.0.113.10:8443"), [format!("DOCKER: {other}")]);
        assert!(targets(DOCKER, "203.0.113.10:5000").is_empty());
        assert!(targets(DOCKER, "[2001:db8::10]:8443").is_empty());
    }

    #[test]
    fn a_chain_that_only_other_destinations_reach_is_of_no_concern() {
        let service = "-A PREROUTING -m comment --comment \"kubernetes -j DNAT --dport 1\" -j SERVICES\n\
            -A SERVICES -d 192.0.2.1/32 -p tcp -m comment --comment \"a \\\" b\" -m tcp --dport 443 -j ENDPOINT\n\
            -A ENDPOINT -p tcp -m tcp -j DNAT --to-destination 198.51.100.2:6443\n";
        assert_eq!(targets(service, "192.0.2.1:443").len(), 1);
        assert!(targets(service, "203.0.113.10:443").is_empty());
        assert!(targets(service, "192.0.2.1:444").is_empty());
    }

    #[test]
    fn what_is_not_understood_counts_as_a_match() {
        for rule in [
            "-j DNAT",
            "-p tcp -m strange --port-list x -j DNAT --to-destination 192.0.2.9",
            "-p tcp -m multiport --dports 80,440:450 -j REDIRECT --to-ports 5000",
            "-p tcp ! --dport 22 -j REDIRECT",
            "! -d 192.0.2.0/24 -p tcp -j TPROXY --on-port 1 --on-ip 0.0.0.0",
            "-d what -p what --dport what -j NETMAP --to 192.0.2.0/24",
        ] {
            assert_eq!(targets(&format!("-A PREROUTING {rule}"), "203.0.113.10:443").len(), 1, "{rule}");
        }
        for rule in
            ["-p udp --dport 443 -j DNAT", "! -p tcp -j DNAT", "-p tcp ! --dport 443 -j DNAT", "-p tcp -j ACCEPT"]
        {
            assert!(targets(&format!("-A PREROUTING {rule}"), "203.0.113.10:443").is_empty(), "{rule}");
        }
    }

    #[test]
    fn chains_that_lead_to_each_other_have_an_end() {
        let around = "-A PREROUTING -j A\n-A A -j B\n-A B -j A\n-A B -p tcp -j REDIRECT --to-ports 5000\n-A\n-A X -j\n";
        assert_eq!(targets(around, "203.0.113.10:443"), ["B: Here(Some(5000))"]);
    }
}
