//! What a client's own firewall must allow so that it can use a registry.

mod iptables;
mod nftables;
mod reach;
mod tag_reach;

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Serialize;

pub(super) use reach::Reach;
pub(super) use tag_reach::{ServiceTag, TagReach};

/// Everything that a client of one registry must reach.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientRules {
    registry: String,
    endpoints: Vec<Reach>,
    service_tags: Vec<TagReach>,
}

impl ClientRules {
    pub(super) fn new(registry: String, endpoints: Vec<Reach>, service_tags: Vec<TagReach>) -> Self {
        Self { registry, endpoints, service_tags }
    }

    /// As `nft -f` reads it.
    pub(super) fn nftables(&self) -> String {
        nftables::rules(self)
    }

    /// As `iptables-restore --noflush` and `ip6tables-restore --noflush` read it, each the lines of its family.
    pub(super) fn iptables(&self) -> String {
        iptables::rules(self)
    }

    /// The destinations of each port, aggregated.
    fn by_port(&self) -> BTreeMap<u16, Vec<IpNet>> {
        let mut ports: BTreeMap<u16, Vec<IpNet>> = BTreeMap::new();
        for destination in self.endpoints.iter().flat_map(|reach| &reach.destinations) {
            ports.entry(destination.port()).or_default().push(destination.ip().into());
        }
        for tag in &self.service_tags {
            ports.entry(tag.port).or_default().extend(&tag.address_prefixes);
        }
        ports.into_iter().map(|(port, prefixes)| (port, IpNet::aggregate(&prefixes))).collect()
    }

    /// What people should know of the rules, one comment for each line.
    fn comments(&self, how: &str) -> String {
        let mut lines = vec![
            format!("What a client's own firewall must allow so that it can use registry {}.", self.registry),
            how.to_owned(),
            "Name resolution (DNS) is not part of it, nor are answers, if connections are not tracked.".to_owned(),
        ];
        lines.extend(self.endpoints.iter().map(ToString::to_string));
        lines.extend(self.service_tags.iter().map(ToString::to_string));
        lines.iter().flat_map(|line| ["# ", line, "\n"]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::endpoints::{DataEndpoint, Endpoints};

    pub(super) async fn contoso() -> ClientRules {
        let listen = |list: &[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        let endpoints = Endpoints {
            name: "Contoso".to_owned(),
            login_server: "contoso.example.com".to_owned(),
            listen: listen(&["203.0.113.10:443", "[2001:db8::10]:443", "127.0.0.1:443"]),
            data_endpoint_enabled: false,
            data: vec![DataEndpoint {
                region: "local".to_owned(),
                endpoint: "contoso.local.data.example.com:5443".to_owned(),
                listen: listen(&["203.0.113.11:5443"]),
            }],
        };
        ClientRules::new(endpoints.name.clone(), Reach::of(&endpoints).await, Vec::new())
    }

    #[tokio::test]
    async fn each_port_has_its_addresses_and_loopback_is_no_destination() {
        let rules = contoso().await;
        let ports: Vec<(u16, String)> = rules.by_port().iter().map(|(port, to)| (*port, format!("{to:?}"))).collect();
        assert_eq!(
            ports,
            [(443, "[203.0.113.10/32, 2001:db8::10/128]".to_owned()), (5443, "[203.0.113.11/32]".to_owned())]
        );
    }

    #[tokio::test]
    async fn the_prefixes_of_service_tags_join_those_of_their_port() {
        let tag = r#"{"name": "AzureContainerRegistry", "id": "/x", "properties": {"region": "", "addressPrefixes":
            ["203.0.113.0/24", "198.51.100.0/25", "198.51.100.128/25", "2001:db8:7::/48"]}}"#;
        let tag: ServiceTag = serde_json::from_str(tag).unwrap();
        let rules = ClientRules { service_tags: vec![tag.into()], ..contoso().await };
        let https: Vec<String> = rules.by_port()[&443].iter().map(ToString::to_string).collect();
        assert_eq!(https, ["198.51.100.0/24", "203.0.113.0/24", "2001:db8::10/128", "2001:db8:7::/48"]);
        assert!(rules.nftables().contains("\n# Service tag AzureContainerRegistry: 4 prefixes, port 443;"));
        let shown = serde_json::to_value(&rules).unwrap();
        assert_eq!(shown["serviceTags"][0]["addressPrefixes"][1], "198.51.100.0/25");
    }

    #[tokio::test]
    async fn json_says_where_each_address_comes_from() {
        let rules = serde_json::to_value(contoso().await).unwrap();
        assert_eq!(
            rules["endpoints"][1],
            serde_json::json!({"kind": "dataEndpoint", "region": "local", "host": "contoso.local.data.example.com",
                "announced": false, "protocol": "tcp", "addressesFrom": "config.toml",
                "destinations": [{"address": "203.0.113.11", "port": 5443}]})
        );
        assert_eq!((&rules["registry"], &rules["endpoints"][0]["region"]), (&"Contoso".into(), &None::<&str>.into()));
    }
}
