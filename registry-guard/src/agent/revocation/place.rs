//! A registry's endpoints in one network namespace, with what the kernel tells of it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use registry_guard_common::{Address, FlowKey, HOST};

use super::RevocationError;
use crate::agent::{host, question};
use crate::config::{Netns, RegistryHost};
use crate::netns::Namespace;
use crate::sock_diag::{Connection, SockDiag, SockDiagError};

/// Where a registry listens: the agent's network namespace, or another.
pub(super) struct Place<'a> {
    pub(super) host: &'a RegistryHost,
    /// As the kernel's tables number it.
    namespace: u8,
    pub(super) sockets: SockDiag,
    endpoints: Vec<SocketAddr>,
    /// The addresses of the namespace itself.
    own: Vec<IpAddr>,
}

impl<'a> Place<'a> {
    /// The agent's own.
    pub(super) fn here(host: &'a RegistryHost) -> Result<Self, RevocationError> {
        Self::enter(host, HOST, host.addresses().collect())
    }

    /// Another one, where the registry listens as `netns` says.
    pub(super) fn there(
        host: &'a RegistryHost,
        netns: &Netns,
        number: u8,
        namespace: &Namespace,
    ) -> Result<Self, RevocationError> {
        let inaccessible = |error| RevocationError::Namespace { path: netns.path.clone(), error };
        namespace.run(|| Self::enter(host, number, netns.listen.clone())).map_err(inaccessible)?
    }

    /// Of the network namespace of the calling thread.
    fn enter(host: &'a RegistryHost, namespace: u8, endpoints: Vec<SocketAddr>) -> Result<Self, RevocationError> {
        Ok(Self { host, namespace, sockets: SockDiag::open()?, endpoints, own: host::own_addresses()? })
    }

    /// The connections to the registry's endpoints, the responder's among them.
    pub(super) fn connections(&self) -> Result<Vec<Connection>, SockDiagError> {
        let ports: BTreeSet<u16> = self.endpoints.iter().map(SocketAddr::port).collect();
        let ports: Vec<u16> = ports.into_iter().collect();
        let mut connections = self.sockets.connections(&ports)?;
        connections.retain(|connection| self.endpoints.iter().any(|endpoint| host::hears(*endpoint, connection.local)));
        Ok(connections)
    }

    pub(super) fn key(&self, connection: &Connection) -> FlowKey {
        let ends = [connection.remote, connection.local].map(|end| (Address::from(end.ip()), end.port()));
        let [(remote, remote_port), (local, local_port)] = &ends;
        FlowKey::new(self.namespace, (remote, *remote_port), (local, *local_port))
    }

    pub(super) fn is_local(&self, source: IpAddr) -> bool {
        source.is_loopback() || self.own.contains(&source)
    }

    /// What the program is asked about: it knows the endpoints of the agent's own namespace only.
    pub(super) fn destination(&self, connection: &Connection) -> Option<SocketAddr> {
        if self.namespace == HOST { Some(connection.local) } else { self.endpoint_for(connection.remote.ip()) }
    }

    /// The first endpoint in the agent's own namespace of the family of `source`; the address of a wildcard is unspecified.
    fn endpoint_for(&self, source: IpAddr) -> Option<SocketAddr> {
        let anywhere = question::unspecified(source);
        let hears = |endpoint: SocketAddr| {
            let wildcard = SocketAddr::new(anywhere, endpoint.port());
            if endpoint.ip().is_unspecified() {
                host::hears(endpoint, wildcard).then_some(wildcard)
            } else {
                (endpoint.is_ipv4() == source.is_ipv4()).then_some(endpoint)
            }
        };
        self.host.addresses().find_map(hears)
    }
}
