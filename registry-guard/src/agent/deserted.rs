//! Registries that do not listen in the network namespace that config.toml names for them.
//!
//! A container that is started again listens in a new namespace, while whatever holds the old one keeps it there, guarded and
//! empty. Connections that pass the NIC to be denied in the old one would reach the registry in the new one.

use crate::agent::host::hears;
use crate::config::{Netns, RegistryHost};
use crate::netns::Namespace;
use crate::sock_diag::{Listener, SockDiag};

/// A registry, and why it cannot be left to the second layer.
#[derive(Debug)]
pub(super) struct Deserted {
    pub(super) registry: String,
    pub(super) problem: String,
}

/// Those of `registries`, which all listen in `namespace`, of which nothing is heard there. Blocks.
pub(super) fn deserted<'a>(
    registries: impl Iterator<Item = (&'a RegistryHost, &'a Netns)>,
    namespace: &Namespace,
) -> Vec<Deserted> {
    let listeners = match namespace.run(|| SockDiag::open()?.listeners()) {
        Ok(Ok(listeners)) => Ok(listeners),
        Ok(Err(problem)) => Err(problem.to_string()),
        Err(problem) => Err(problem.to_string()),
    };
    registries
        .filter_map(|(registry, netns)| {
            let problem = problem(registry, netns, listeners.as_deref())?;
            Some(Deserted { registry: registry.name.clone(), problem })
        })
        .collect()
}

fn problem(registry: &RegistryHost, netns: &Netns, listeners: Result<&[Listener], &String>) -> Option<String> {
    let (name, path) = (&registry.name, netns.path.display());
    let listeners = match listeners {
        Ok(listeners) => listeners,
        Err(problem) => return Some(format!("{name}: who listens in netns `{path}` is not known: {problem}")),
    };
    let is_there = netns.listen.iter().any(|endpoint| {
        listeners.iter().any(|listener| hears(*endpoint, listener.address) || hears(listener.address, *endpoint))
    });
    (!is_there).then(|| {
        let addresses: Vec<String> = netns.listen.iter().map(ToString::to_string).collect();
        format!(
            "{name}: nothing listens at {} in netns `{path}`; start the registry there or, if its container was started again, \
             let `{path}` stand for its new namespace",
            addresses.join(", ")
        )
    })
}
