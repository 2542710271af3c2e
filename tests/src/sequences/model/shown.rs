use serde_json::{Value, json};

use super::{Model, Network, PrivateEndpoint, SubnetRule};

impl Model {
    /// What the API must show of the registry, at least.
    pub fn registry(&self) -> Value {
        let word = |yes: bool, words: [&'static str; 2]| if yes { words[0] } else { words[1] };
        let action = |allow| word(allow, ["Allow", "Deny"]);
        let ip_rules: Vec<Value> =
            self.ip_rules.iter().map(|rule| json!({"value": rule.value, "action": action(rule.allow)})).collect();
        let subnet_rules: Vec<Value> = self
            .subnet_rules
            .iter()
            .map(|rule| {
                let id = self.subnet_id(rule);
                json!({"id": id, "virtualNetworkSubnetResourceId": id, "action": action(rule.allow)})
            })
            .collect();
        let private: Vec<Value> = self.private_endpoints.iter().map(|endpoint| self.private(endpoint)).collect();
        json!({"name": super::REGISTRY, "properties": {
            "publicNetworkAccess": word(self.public_access, ["Enabled", "Disabled"]),
            "networkRuleBypassOptions": word(self.bypass, ["AzureServices", "None"]),
            "dataEndpointEnabled": self.data_endpoints,
            "networkRuleSet": {
                "defaultAction": action(self.default_allow),
                "ipRules": ip_rules, "virtualNetworkRules": subnet_rules,
            },
            "privateEndpointConnections": private,
        }})
    }

    /// What the API must show as the list of networks, at least.
    pub fn networks(&self) -> Value {
        let network = |network: &Network| {
            let subnets: Vec<Value> = network
                .subnets
                .iter()
                .map(|subnet| {
                    let services =
                        if subnet.endpoint { vec![json!({"service": "Microsoft.ContainerRegistry"})] } else { vec![] };
                    json!({"name": subnet.name, "properties": {
                        "addressPrefix": subnet.prefixes.first(), "addressPrefixes": subnet.prefixes,
                        "serviceEndpoints": services,
                    }})
                })
                .collect();
            json!({"name": network.name, "properties": {
                "vni": network.vni, "addressSpace": {"addressPrefixes": network.prefixes}, "subnets": subnets,
            }})
        };
        json!({"value": self.networks.values().map(network).collect::<Vec<Value>>()})
    }

    /// The id in the network's and the subnet's own spelling.
    fn subnet_id(&self, rule: &SubnetRule) -> String {
        let network = self.networks.get(&rule.network);
        let subnet = network.and_then(|network| network.subnet(&rule.subnet));
        let network = network.map_or(&rule.network, |network| &network.name);
        format!("{}/subnets/{}", network_id(network), subnet.map_or(&rule.subnet, |subnet| &subnet.name))
    }

    fn private(&self, endpoint: &PrivateEndpoint) -> Value {
        let network = self.networks.get(&endpoint.network).map_or(&endpoint.network, |network| &network.name);
        let status = if endpoint.approved { "Approved" } else { "Rejected" };
        json!({"name": endpoint.name, "properties": {
            "virtualNetwork": network_id(network), "ipAddress": endpoint.address,
            "privateLinkServiceConnectionState": {"status": status, "description": endpoint.description},
        }})
    }
}

fn network_id(name: &str) -> String {
    format!("{}/providers/Microsoft.Network/virtualNetworks/{name}", super::GROUP)
}

/// The first place where `shown` is not as `expected`; what is shown beyond that is nobody's business here.
pub fn difference(expected: &Value, shown: &Value) -> Option<String> {
    match (expected, shown) {
        (Value::Object(fields), Value::Object(_)) => fields.iter().find_map(|(key, value)| {
            let deeper = shown.get(key).map_or_else(|| Some(": missing".to_owned()), |shown| difference(value, shown));
            deeper.map(|place| format!("/{key}{place}"))
        }),
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut both = one.iter().zip(other).enumerate();
            both.find_map(|(at, (one, other))| difference(one, other).map(|place| format!("/{at}{place}")))
        }
        _ if expected == shown => None,
        _ => Some(format!(": {shown} is shown instead of {expected}")),
    }
}
