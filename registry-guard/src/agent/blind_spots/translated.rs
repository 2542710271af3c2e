//! Rules that send connections to a guarded endpoint elsewhere before the kernel looks for a socket.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::{BlindSpot, Kind};
use crate::agent::host;
use crate::config::RegistryHost;
use crate::netfilter::{Ruleset, Target, Translation};

/// Rules that send connections to `registry` where they are not judged, one sentence for each.
pub(super) fn translated(registry: &RegistryHost, ruleset: &Ruleset, own: &[IpAddr]) -> Vec<BlindSpot> {
    let guarded: Vec<SocketAddr> = registry.addresses().collect();
    let mut told = BTreeSet::new();
    let mut spots = Vec::new();
    for destination in guarded.iter().flat_map(|endpoint| concrete(*endpoint, own)) {
        for translation in ruleset.translations(destination) {
            if !is_judged(&translation.target, destination, &guarded, own) && told.insert(translation.clone()) {
                let problem = sentence(&registry.name, destination, &translation);
                spots.push(BlindSpot { registry: Some(registry.name.clone()), kind: Kind::Translation, problem });
            }
        }
    }
    spots
}

/// A wildcard stands for each address of the host.
fn concrete(endpoint: SocketAddr, own: &[IpAddr]) -> Vec<SocketAddr> {
    if !endpoint.ip().is_unspecified() {
        return vec![endpoint];
    }
    let addresses = own.iter().map(|address| SocketAddr::new(*address, endpoint.port()));
    addresses.filter(|address| !address.ip().is_loopback() && host::hears(endpoint, *address)).collect()
}

/// Whether connections end at an endpoint of the same registry after all, in this namespace.
fn is_judged(target: &Target, destination: SocketAddr, guarded: &[SocketAddr], own: &[IpAddr]) -> bool {
    let (address, port) = match target {
        // The address becomes the first one of the interface that they arrive on.
        Target::Here(port) => {
            return own.iter().filter(|address| address.is_ipv4() == destination.is_ipv4()).all(|own| {
                let end = SocketAddr::new(*own, port.unwrap_or(destination.port()));
                own.is_loopback() || guarded.iter().any(|endpoint| host::hears(*endpoint, end))
            });
        }
        // Whatever could not be read of it leads elsewhere.
        Target::Socket | Target::Other { address: None, port: None, .. } => return false,
        Target::Other { address, port, .. } => {
            (address.unwrap_or(destination.ip()), port.unwrap_or(destination.port()))
        }
    };
    let end = SocketAddr::new(address, port);
    own.contains(&address) && guarded.iter().any(|endpoint| host::hears(*endpoint, end))
}

fn sentence(registry: &str, destination: SocketAddr, translation: &Translation) -> String {
    let Translation { table, chain, target } = translation;
    let rule = format!("{registry}: chain {chain} of the netfilter table {table}");
    match target {
        Target::Other { text, .. } => format!(
            "{rule} sends connections to {destination} on to {text}, past the second layer; name the network namespace \
             they end in with `netns`, and where the registry listens in it with `netns-listen`"
        ),
        Target::Here(port) => {
            let port = port.map_or_else(|| "another address".to_owned(), |port| format!("port {port}"));
            format!(
                "{rule} redirects connections to {destination} to {port} of this host, past the second layer; guard that too, \
                 in `listen`"
            )
        }
        Target::Socket => format!(
            "{rule} hands connections to {destination} to a transparent proxy, past the second layer; take that rule away"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn problems(listen: &str, rules: &str) -> Vec<String> {
        let text = format!(
            "interfaces = ['eth0']\n[[registry]]\nname = 'contoso'\nlogin-server = 'contoso.example.com'\nlisten = {listen}\n"
        );
        let config = Config::parse(Path::new("config.toml"), &text).unwrap();
        let own = ["127.0.0.1", "203.0.113.10", "2001:db8::10"].map(|address| address.parse().unwrap());
        let spots = translated(&config.registries[0], &Ruleset::of_iptables(rules), &own);
        assert!(spots.iter().all(|spot| spot.registry.as_deref() == Some("contoso") && spot.kind == Kind::Translation));
        spots.into_iter().map(|spot| spot.problem).collect()
    }

    #[test]
    fn a_published_port_needs_its_namespace_named() {
        let rules = "-A PREROUTING -j DOCKER\n-A DOCKER -p tcp --dport 8443 -j DNAT --to-destination 172.17.0.2:5000\n";
        for listen in ["['0.0.0.0:8443']", "['[::]:8443']", "['203.0.113.10:8443']"] {
            let told = problems(listen, rules);
            assert_eq!(told.len(), 1, "{told:?}");
            for word in ["contoso", "chain DOCKER", "203.0.113.10:8443", "172.17.0.2:5000", "`netns`", "`netns-listen`"]
            {
                assert!(told[0].contains(word), "{told:?}");
            }
        }
        assert!(problems("['0.0.0.0:443', '[2001:db8::10]:8443']", rules).is_empty());
    }

    #[test]
    fn what_ends_at_a_guarded_endpoint_again_is_judged_there() {
        let here = "-A PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 5000\n";
        assert!(problems("['0.0.0.0:443']", here)[0].contains("port 5000 of this host"));
        assert!(problems("['0.0.0.0:443', '0.0.0.0:5000']", here).is_empty());
        let own = "-A PREROUTING -p tcp --dport 443 -j DNAT --to-destination 203.0.113.10:5000\n";
        assert_eq!(problems("['0.0.0.0:443']", own).len(), 1);
        assert!(problems("['0.0.0.0:443', '0.0.0.0:5000']", own).is_empty());
        let loopback = "-A PREROUTING -p tcp --dport 443 -j TPROXY --on-port 5000\n";
        assert!(problems("['0.0.0.0:443', '0.0.0.0:5000']", loopback)[0].contains("transparent proxy"));
        assert_eq!(problems("['0.0.0.0:443', '0.0.0.0:5000']", "-A PREROUTING -j DNAT\n").len(), 1);
    }
}
