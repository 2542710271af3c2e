use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::call::{Call, Condition, RuleText, Step, SubnetText};
use super::model::{GROUP, REGISTRY};

/// What goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The header line of the condition, if there is one.
    pub header: Option<String>,
    /// The body.
    pub body: String,
}

impl Request {
    /// The request that `step` is while `revision` is current.
    pub fn of(step: &Step, revision: u64) -> Self {
        let (method, path, body) = match &step.call {
            Call::Patch { registry, .. } => ("PATCH", registry_path(registry), patch(&step.call).to_string()),
            Call::PutIpRule(rule) => ("PUT", ip_rule(&rule.value), action(rule)),
            Call::DeleteIpRule(value) => ("DELETE", ip_rule(value), String::new()),
            Call::PutSubnetRule(rule) => ("PUT", subnet_rule(&rule.value), action(rule)),
            Call::DeleteSubnetRule(id) => ("DELETE", subnet_rule(id), String::new()),
            Call::PutNetwork { name, vni, prefixes, subnets } => {
                let subnets = subnets.as_ref().map(|all| all.iter().map(named_subnet).collect::<Vec<Value>>());
                let space = prefixes.as_ref().map(|prefixes| json!({"addressPrefixes": prefixes}));
                let properties = json!({"vni": vni, "addressSpace": space, "subnets": subnets});
                ("PUT", network(name), json!({"properties": present(properties)}).to_string())
            }
            Call::DeleteNetwork(name) => ("DELETE", network(name), String::new()),
            Call::PutSubnet(of, text) => {
                let body = json!({"properties": subnet(text)}).to_string();
                ("PUT", format!("{}/subnets/{}", network(of), encoded(&text.name)), body)
            }
            Call::DeleteSubnet(of, name) => {
                ("DELETE", format!("{}/subnets/{}", network(of), encoded(name)), String::new())
            }
            Call::PutPrivateEndpoint { name, network, address, status, description } => {
                let state = present(json!({"status": status, "description": description}));
                let properties = json!({
                    "virtualNetwork": network, "ipAddress": address, "privateLinkServiceConnectionState": state
                });
                ("PUT", private_endpoint(name), json!({"properties": present(properties)}).to_string())
            }
            Call::DeletePrivateEndpoint(name) => ("DELETE", private_endpoint(name), String::new()),
            Call::Nonsense { method, path, body } => {
                (method.as_str(), format!("{GROUP}/providers/{path}"), body.clone())
            }
        };
        Self { method: method.to_owned(), path, header: header(&step.condition, revision), body }
    }
}

fn header(condition: &Condition, revision: u64) -> Option<String> {
    Some(match condition {
        Condition::Always => return None,
        Condition::IfCurrent => format!("If-Match: \"{revision}\""),
        // Neither the one before nor one far ahead is current.
        Condition::IfStale if revision % 2 == 1 => format!("If-Match: \"{}\"", revision - 1),
        Condition::IfStale => format!("If-Match: \"{}\"", revision + 1_000_000),
        Condition::IfGarbage(text) => format!("If-Match: {text}"),
        Condition::IfAbsent => "If-None-Match: *".to_owned(),
        Condition::IfAbsentGarbage(text) => format!("If-None-Match: {text}"),
    })
}

fn patch(call: &Call) -> Value {
    let Call::Patch { default_action, public_network_access, bypass, data_endpoint_enabled, sku, .. } = call else {
        return Value::Null;
    };
    let Call::Patch { ip_rules, subnet_rules, .. } = call else { return Value::Null };
    let ip_rules = ip_rules.as_ref().map(|rules| rules.iter().map(|rule| listed("value", rule)).collect::<Vec<_>>());
    // Old clients call it `id`, new ones by the long name.
    let keys = ["id", "virtualNetworkSubnetResourceId"].into_iter().cycle();
    let subnet_rules = subnet_rules
        .as_ref()
        .map(|rules| rules.iter().zip(keys).map(|(rule, key)| listed(key, rule)).collect::<Vec<_>>());
    let rule_set = present(json!({
        "defaultAction": default_action, "ipRules": ip_rules, "virtualNetworkRules": subnet_rules
    }));
    let properties = present(json!({
        "networkRuleSet": rule_set, "publicNetworkAccess": public_network_access,
        "networkRuleBypassOptions": bypass, "dataEndpointEnabled": data_endpoint_enabled,
    }));
    let sku = sku.as_ref().map(|name| json!({"name": name}));
    present(json!({"properties": properties, "sku": sku}))
}

/// The object without what nothing was said about.
fn present(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

fn listed(key: &str, rule: &RuleText) -> Value {
    present(json!({key: rule.value, "action": rule.action}))
}

fn action(rule: &RuleText) -> String {
    rule.action.as_ref().map_or_else(String::new, |action| json!({"action": action}).to_string())
}

fn named_subnet(text: &SubnetText) -> Value {
    json!({"name": text.name, "properties": subnet(text)})
}

fn subnet(text: &SubnetText) -> Value {
    let services = text
        .services
        .as_ref()
        .map(|services| services.iter().map(|service| json!({"service": service})).collect::<Vec<_>>());
    let mut subnet = present(json!({"serviceEndpoints": services}));
    match text.prefixes.as_deref() {
        // Clients use the short key for a single one.
        Some([one]) => subnet["addressPrefix"] = json!(one),
        Some(many) => subnet["addressPrefixes"] = json!(many),
        None => {}
    }
    subnet
}

fn registry_path(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.ContainerRegistry/registries/{}", encoded(name))
}

fn network(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/{}", encoded(name))
}

fn ip_rule(value: &str) -> String {
    format!("{}/ipRules/{}", registry_path(REGISTRY), encoded(value))
}

fn subnet_rule(id: &str) -> String {
    format!("{}/virtualNetworkRules/{}", registry_path(REGISTRY), encoded(id))
}

fn private_endpoint(name: &str) -> String {
    format!("{}/privateEndpointConnections/{}", registry_path(REGISTRY), encoded(name))
}

fn encoded(segment: &str) -> String {
    utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string()
}
