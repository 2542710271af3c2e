use std::net::IpAddr;

use super::{ConnectionStatus, Registry};

/// An address inside a virtual network at which sources of that network reach a registry, whatever its rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// The name as it was first spelled; no other of the registry's has it, in any case.
    pub name: String,
    /// The virtual network, spelled as the network itself is.
    pub network: String,
    /// The address that clients connect to. No other private endpoint in that network has it.
    pub address: IpAddr,
    /// Whether it counts.
    pub status: ConnectionStatus,
    /// What whoever approved or rejected it had to say.
    pub description: String,
    /// Its index among the kernel's hit counters.
    pub counter: u32,
}

impl PrivateEndpoint {
    /// Whether it is in the virtual network `network`, in any case.
    pub fn is_in(&self, network: &str) -> bool {
        self.network.eq_ignore_ascii_case(network)
    }

    /// Whether it counts.
    pub fn is_approved(&self) -> bool {
        self.status == ConnectionStatus::Approved
    }
}

impl Registry {
    /// The private endpoint `name`, in any case.
    pub fn private_endpoint(&self, name: &str) -> Option<&PrivateEndpoint> {
        self.private_endpoints.iter().find(|endpoint| endpoint.name.eq_ignore_ascii_case(name))
    }
}
