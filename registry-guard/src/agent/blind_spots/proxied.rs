//! Proxies in front of a registry that hide who its clients are.

use std::collections::BTreeSet;

use super::{BlindSpot, Kind};
use crate::agent::host;
use crate::config::RegistryHost;
use crate::processes::{self, Process};
use crate::sock_diag::Listener;

/// Proxies that hide from the program behind them who its clients are. A reverse proxy such as nginx is a registry's front
/// that its owner chose, and tells who its clients are in a header.
fn hides_clients(name: &str) -> bool {
    // pasta names itself after the instruction set that it was built for.
    ["docker-proxy", "rootlesskit", "slirp4netns"].contains(&name)
        || ["rootlessport", "pasta", "passt"].iter().any(|start| name.starts_with(start))
}

/// What is not known of a registry that lets local connections in, where the processes of others cannot be looked into.
pub(super) fn unseen(registry: &RegistryHost) -> Option<BlindSpot> {
    (registry.allow_local && !processes::all_are_seen()).then(|| BlindSpot {
        registry: Some(registry.name.clone()),
        kind: Kind::Proxy,
        problem: format!(
            "{}: `allow-local` does not count: the agent may not look into other users' processes, and behind docker-proxy and its \
             like every client looks local; give it CAP_SYS_PTRACE and ProtectProc=default (docs/containers.md)",
            registry.name
        ),
    })
}

/// Such proxies where `registry` listens.
pub(super) fn proxied(registry: &RegistryHost, listeners: &[Listener]) -> Vec<BlindSpot> {
    let at_endpoint = |listener: &&Listener| {
        registry
            .addresses()
            .any(|endpoint| host::hears(endpoint, listener.address) || host::hears(listener.address, endpoint))
    };
    let listeners: Vec<&Listener> = listeners.iter().filter(at_endpoint).collect();
    let inodes: BTreeSet<u32> = listeners.iter().map(|listener| listener.inode).collect();
    let holders = processes::holders(&inodes, hides_clients);
    let spot = |listener: &&Listener| holders.get(&listener.inode).map(|process| proxy(registry, listener, process));
    listeners.iter().filter_map(spot).collect()
}

fn proxy(registry: &RegistryHost, listener: &Listener, process: &Process) -> BlindSpot {
    let Process { id, name } = process;
    let mend = if name == "docker-proxy" {
        "start Docker with \"userland-proxy\": false, or let the registry listen on the host's network itself"
    } else {
        "let the registry listen on the host's network itself"
    };
    let local = if registry.allow_local { "; `allow-local` does not count while it is there" } else { "" };
    let problem = format!(
        "{}: {name} (process {id}) listens at {}, and behind it every client looks local; {mend}{local}",
        registry.name, listener.address
    );
    BlindSpot { registry: Some(registry.name.clone()), kind: Kind::Proxy, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_proxies_are_no_blind_spot() {
        for name in ["docker-proxy", "rootlessport", "rootlessport-ch", "rootlesskit", "slirp4netns", "pasta.avx2"] {
            assert!(hides_clients(name), "{name}");
        }
        for name in ["nginx", "haproxy", "envoy", "docker-registry", "traefik", "docker-proxy2"] {
            assert!(!hides_clients(name), "{name}");
        }
    }
}
