//! What `nft --json list ruleset` prints (libnftables-json(5)).

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde_json::Value as Json;

use super::rules::{Action, Condition, Field, Rule, Ruleset, Target, Value, prefix, target};

/// The elements of named sets and maps, by table and name.
type Named<'a> = HashMap<(String, &'a str), &'a [Json]>;

/// Every rule that may take a connection elsewhere.
pub(super) fn parse(text: &str) -> Result<Ruleset, String> {
    let json: Json = serde_json::from_str(text).map_err(|error| format!("nft: what it printed is no JSON: {error}"))?;
    let objects = json["nftables"].as_array().ok_or("nft: it printed no rules")?;
    let mut named = Named::new();
    for set in objects.iter().filter_map(|object| object.get("set").or_else(|| object.get("map"))) {
        let elements = set["elem"].as_array().map_or(&[][..], Vec::as_slice);
        named.insert((table(set), set["name"].as_str().unwrap_or_default()), elements);
    }
    let mut ruleset = Ruleset::default();
    for chain in objects.iter().filter_map(|object| object.get("chain")) {
        let name = chain["name"].as_str().unwrap_or_default();
        ruleset.chain(&table(chain), name).first = chain["hook"] == "prerouting";
    }
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let table = table(rule);
        let mut reading =
            Reading { named: &named, table: &table, conditions: Vec::new(), rules: Vec::new(), vague: false };
        for statement in rule["expr"].as_array().into_iter().flatten() {
            reading.statement(statement);
        }
        let Reading { rules, vague, .. } = reading;
        ruleset.chain(&table, rule["chain"].as_str().unwrap_or_default()).rules.extend(rules);
        if vague {
            ruleset.mark_vague(&table);
        }
    }
    Ok(ruleset)
}

/// Family and name.
fn table(object: &Json) -> String {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    format!("{} {}", text("family"), text("table"))
}

/// One rule, from its first statement to its last. A map makes a rule for each of its elements.
struct Reading<'a> {
    named: &'a Named<'a>,
    table: &'a str,
    conditions: Vec<Condition>,
    rules: Vec<Rule>,
    vague: bool,
}

impl<'a> Reading<'a> {
    fn statement(&mut self, statement: &'a Json) {
        let Some((kind, body)) = statement.as_object().and_then(|statement| statement.iter().next()) else { return };
        match kind.as_str() {
            "match" => self.condition(body),
            "jump" | "goto" => self.act(chain(body)),
            "vmap" => {
                for (key, verdict) in self.elements(&body["data"]) {
                    let next = verdict.get("jump").or_else(|| verdict.get("goto"));
                    self.act_on(&body["key"], key, next.and_then(chain));
                }
            }
            "dnat" => self.dnat(body),
            "redirect" => self.act(Some(Action::Translate(Target::Here(port(&body["port"]))))),
            "tproxy" => self.act(Some(Action::Translate(Target::Socket))),
            "xt" => self.extension(body),
            _ => {}
        }
    }

    /// A match or target of iptables, of which there is little more than the name.
    fn extension(&mut self, body: &Json) {
        self.vague = true;
        match body["name"].as_str() {
            Some("DNAT" | "NETMAP") => self.act(Some(Action::Translate(target("an address that is not told")))),
            Some("REDIRECT") => self.act(Some(Action::Translate(Target::Here(None)))),
            Some("TPROXY") => self.act(Some(Action::Translate(Target::Socket))),
            _ => {}
        }
    }

    fn dnat(&mut self, body: &'a Json) {
        let Some(map) = body["addr"].get("map") else {
            let (address, port) = (text(&body["addr"]), text(&body["port"]));
            return self.act(Some(Action::Translate(joined(&address, &port))));
        };
        for (key, value) in self.elements(&map["data"]) {
            let parts = value["concat"].as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let part = |at: usize| parts.get(at).map(text).unwrap_or_default();
            self.act_on(&map["key"], key, Some(Action::Translate(joined(&part(0), &part(1)))));
        }
    }

    fn act(&mut self, action: Option<Action>) {
        if let Some(action) = action {
            self.rules.push(Rule { conditions: self.conditions.clone(), action });
        }
    }

    /// What happens if `key` is `value`.
    fn act_on(&mut self, key: &Json, value: &'a Json, action: Option<Action>) {
        let Some(action) = action else { return };
        let mut conditions = self.conditions.clone();
        match (key["concat"].as_array(), value["concat"].as_array()) {
            (Some(keys), Some(values)) => {
                conditions.extend(keys.iter().zip(values).filter_map(|(key, value)| self.equal(key, false, value)));
            }
            _ => conditions.extend(self.equal(key, false, value)),
        }
        self.rules.push(Rule { conditions, action });
    }

    fn condition(&mut self, body: &'a Json) {
        let negated = match body["op"].as_str() {
            Some("==" | "in") => false,
            Some("!=") => true,
            _ => return,
        };
        let condition = self.equal(&body["left"], negated, &body["right"]);
        self.conditions.extend(condition);
    }

    /// `None` if nothing is known of what is compared.
    fn equal(&self, left: &Json, negated: bool, right: &'a Json) -> Option<Condition> {
        let payload = (left["payload"]["protocol"].as_str(), left["payload"]["field"].as_str());
        let field = match payload {
            (Some("ip" | "ip6"), Some("daddr")) => Field::Address,
            (Some("ip"), Some("protocol")) | (Some("ip6"), Some("nexthdr")) => Field::Protocol,
            (Some("tcp" | "th"), Some("dport")) => Field::Port,
            // A port of another protocol is not TCP's.
            (Some("udp" | "udplite" | "sctp" | "dccp"), Some("dport")) => return Some(Condition::protocol(false)),
            _ if left["meta"]["key"] == "l4proto" => Field::Protocol,
            _ => return None,
        };
        Some(Condition { field, negated, values: self.values(field, right) })
    }

    fn values(&self, field: Field, right: &'a Json) -> Vec<Value> {
        let listed = match right.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => self.named.get(&(self.table.to_owned(), name)).copied(),
            None => right["set"].as_array().map(Vec::as_slice),
        };
        match listed {
            Some(elements) => elements.iter().map(|element| value(field, plain(element))).collect(),
            None => vec![value(field, right)],
        }
    }

    /// The pairs of a map, named or not.
    fn elements(&self, data: &'a Json) -> Vec<(&'a Json, &'a Json)> {
        let listed = match data.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => self.named.get(&(self.table.to_owned(), name)).copied(),
            None => data["set"].as_array().map(Vec::as_slice),
        };
        let pair = |element: &'a Json| Some((plain(element.get(0)?), element.get(1)?));
        listed.unwrap_or_default().iter().filter_map(pair).collect()
    }
}

/// An element with a comment, a timeout or a counter is wrapped.
fn plain(element: &Json) -> &Json {
    element["elem"].get("val").unwrap_or(element)
}

fn chain(body: &Json) -> Option<Action> {
    body["target"].as_str().map(|name| Action::Chain(name.to_owned()))
}

fn value(field: Field, json: &Json) -> Value {
    let known = match field {
        Field::Address => addresses(json),
        Field::Port => match json["range"].as_array().map(Vec::as_slice) {
            Some([low, high]) => range(port(low), port(high)),
            _ => range(port(json), port(json)),
        },
        Field::Protocol => match (json.as_str(), json.as_u64()) {
            (Some("tcp"), _) | (_, Some(6)) => Some(Value::Protocol(true)),
            (Some(_), _) | (_, Some(_)) => Some(Value::Protocol(false)),
            _ => None,
        },
    };
    known.unwrap_or(Value::Unknown)
}

fn addresses(json: &Json) -> Option<Value> {
    let address = |json: &Json| json.as_str()?.parse::<IpAddr>().ok();
    if let Some([low, high]) = json["range"].as_array().map(Vec::as_slice) {
        return Some(Value::Addresses(address(low)?..=address(high)?));
    }
    let length = |address: IpAddr| {
        json["prefix"]["len"].as_u64().and_then(|bits| IpNet::new(address, bits.try_into().ok()?).ok())
    };
    match address(&json["prefix"]["addr"]) {
        Some(network) => length(network).map(prefix),
        None => address(json).map(|address| prefix(address.into())),
    }
}

fn range(low: Option<u16>, high: Option<u16>) -> Option<Value> {
    Some(Value::Ports(RangeInclusive::new(low?, high?)))
}

fn port(json: &Json) -> Option<u16> {
    json.as_u64().and_then(|port| port.try_into().ok())
}

fn text(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn joined(address: &str, port: &str) -> Target {
    match (address, port) {
        (address, "") => target(address),
        (address, port) if address.contains(':') => target(&format!("[{address}]:{port}")),
        (address, port) => target(&format!("{address}:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use serde_json::json;

    use super::*;

    /// A table `inet edge` with these named sets and maps, a chain for arriving packets with these rules, and one more.
    fn ruleset(named: &Json, rules: &Json) -> Ruleset {
        let mut objects = vec![
            json!({"metainfo": {"json_schema_version": 1}}),
            json!({"chain": {"family": "inet", "table": "edge", "name": "arrive", "type": "nat", "hook": "prerouting"}}),
            json!({"chain": {"family": "inet", "table": "edge", "name": "leave", "type": "nat", "hook": "postrouting"}}),
            json!({"rule": {"family": "inet", "table": "edge", "chain": "more", "expr": [
                {"dnat": {"family": "ip", "addr": "192.0.2.7", "port": 5000}}]}}),
            json!({"rule": {"family": "inet", "table": "edge", "chain": "leave", "expr": [{"redirect": null}]}}),
        ];
        objects.extend(named.as_array().unwrap().iter().cloned());
        for rule in rules.as_array().unwrap() {
            objects.push(json!({"rule": {"family": "inet", "table": "edge", "chain": "arrive", "expr": rule}}));
        }
        parse(&json!({ "nftables": objects }).to_string()).unwrap()
    }

    fn found(ruleset: &Ruleset, destination: &str) -> Vec<String> {
        let found = ruleset.translations(destination.parse::<SocketAddr>().unwrap());
        let target = |target| match target {
            Target::Other { text, .. } => text,
            other => format!("{other:?}"),
        };
        found.into_iter().map(|one| format!("{} {}", one.chain, target(one.target))).collect()
    }

    fn matching(left: &Json, op: &str, right: &Json) -> Json {
        json!({"match": {"op": op, "left": left, "right": right}})
    }

    #[test]
    fn a_port_is_one_or_of_a_range_or_of_a_set() {
        let dport = json!({"payload": {"protocol": "tcp", "field": "dport"}});
        let sets = json!([{"set": {"family": "inet", "table": "edge", "name": "ports", "type": "inet_service",
            "elem": [443, {"elem": {"val": {"range": [5000, 5010]}, "comment": "registries"}}]}}]);
        let redirect = json!({"redirect": {"port": 9}});
        let rule = |op, right| ruleset(&sets, &json!([[matching(&dport, op, &right), redirect]]));
        for (op, right) in [
            ("==", json!(443)),
            ("==", json!({"range": [400, 450]})),
            ("==", json!({"set": [80, {"range": [440, 450]}]})),
            ("==", json!("@ports")),
            ("==", json!("@unknown")),
            ("!=", json!(22)),
            ("!=", json!("@unknown")),
            ("<", json!(1024)),
        ] {
            assert_eq!(found(&rule(op, right.clone()), "203.0.113.10:443"), ["arrive Here(Some(9))"], "{op} {right}");
        }
        for (op, right) in [("==", json!(444)), ("!=", json!("@ports")), ("==", json!({"set": [1, 2]}))] {
            assert_eq!(found(&rule(op, right.clone()), "203.0.113.10:443"), Vec::<String>::new(), "{op} {right}");
        }
        assert_eq!(found(&rule("==", json!("@ports")), "[2001:db8::10]:5005").len(), 1);
    }

    #[test]
    fn an_address_is_one_or_of_a_prefix_or_of_a_range() {
        let address = |family: &str| json!({"payload": {"protocol": family, "field": "daddr"}});
        let rule = |family, right| {
            ruleset(&json!([]), &json!([[matching(&address(family), "==", &right), {"redirect": null}]]))
        };
        for right in [
            json!("203.0.113.10"),
            json!({"prefix": {"addr": "203.0.113.0", "len": 24}}),
            json!({"set": [{"range": ["203.0.113.1", "203.0.113.20"]}]}),
        ] {
            assert_eq!(found(&rule("ip", right.clone()), "203.0.113.10:443"), ["arrive Here(None)"], "{right}");
            assert!(found(&rule("ip", right), "203.0.113.99:443").len() < 2);
        }
        assert!(found(&rule("ip", json!("203.0.113.10")), "203.0.113.11:443").is_empty());
        let v6 = rule("ip6", json!({"prefix": {"addr": "2001:db8::", "len": 64}}));
        assert_eq!(found(&v6, "[2001:db8::10]:443").len(), 1);
        assert!(found(&v6, "203.0.113.10:443").is_empty());
    }

    #[test]
    fn maps_lead_where_their_elements_say() {
        let port = json!({"payload": {"protocol": "tcp", "field": "dport"}});
        let key =
            json!({"concat": [{"payload": {"protocol": "ip", "field": "daddr"}}, {"meta": {"key": "l4proto"}}, port]});
        let maps = json!([
            {"map": {"family": "inet", "table": "edge", "name": "services", "map": "verdict", "elem": [
                [{"concat": ["203.0.113.10", "tcp", 443]}, {"goto": {"target": "more"}}],
                [{"concat": ["203.0.113.11", "tcp", 443]}, {"drop": null}]]}},
            {"map": {"family": "inet", "table": "edge", "name": "back", "map": "ipv4_addr . inet_service", "elem": [
                [80, {"concat": ["192.0.2.3", 80]}], [8443, {"concat": ["192.0.2.2", 5000]}]]}}]);
        let ruleset = ruleset(
            &maps,
            &json!([
                [{"vmap": {"key": key, "data": "@services"}}],
                [{"dnat": {"family": "ip", "addr": {"map": {"key": port, "data": "@back"}}}}],
                [matching(&port, "==", &json!(5001)),
                 {"dnat": {"family": "ip6", "addr": {"map": {"key": {"numgen": {"mod": 2}}, "data": {"set": [[0, "2001:db8:9::2"]]}}}}}],
            ]),
        );
        assert_eq!(found(&ruleset, "203.0.113.10:443"), ["more 192.0.2.7:5000"]);
        assert_eq!(found(&ruleset, "203.0.113.11:443"), Vec::<String>::new());
        assert_eq!(found(&ruleset, "203.0.113.10:8443"), ["arrive 192.0.2.2:5000"]);
        assert_eq!(found(&ruleset, "203.0.113.10:5001"), ["arrive 2001:db8:9::2"]);
    }

    #[test]
    fn a_table_of_iptables_is_vague_and_its_targets_count() {
        let rules =
            json!([[{"xt": {"type": "match", "name": "multiport"}}, {"xt": {"type": "target", "name": "DNAT"}}]]);
        let ruleset = ruleset(&json!([]), &rules);
        assert!(ruleset.is_vague("inet edge"));
        assert_eq!(found(&ruleset, "203.0.113.10:443"), ["arrive an address that is not told"]);
    }

    #[test]
    fn other_protocols_and_other_hooks_are_of_no_concern() {
        let udp = json!({"payload": {"protocol": "udp", "field": "dport"}});
        let ruleset = ruleset(&json!([]), &json!([[matching(&udp, "==", &json!(443)), {"redirect": null}]]));
        assert!(found(&ruleset, "203.0.113.10:443").is_empty());
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        assert!(parse("").is_err());
        assert!(parse("{}").is_err());
        for odd in
            [json!([1]), json!([[]]), json!([{"rule": 1}, {"rule": {"expr": [1, {}, {"match": 1}, {"vmap": [] }]}}])]
        {
            assert!(parse(&json!({ "nftables": odd }).to_string()).is_ok());
        }
    }
}
