use std::net::IpAddr;

use ipnet::IpNet;

use super::SubnetId;

/// The one service whose endpoint on a subnet matters here.
pub const REGISTRY_SERVICE: &str = "Microsoft.ContainerRegistry";

/// A virtual network: the VXLAN segment with one number, and its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualNetwork {
    /// The name as it was first spelled.
    pub name: String,
    /// The VXLAN network identifier, 1 to 16777215, in no other network.
    pub vni: u32,
    /// The address space; canonical, without overlap.
    pub prefixes: Vec<IpNet>,
    /// The subnets, each inside the address space, without overlap.
    pub subnets: Vec<Subnet>,
}

/// A part of a virtual network that rules can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The name as it was first spelled.
    pub name: String,
    /// The addresses; canonical, at least one prefix.
    pub prefixes: Vec<IpNet>,
    /// The services that this subnet may reach by its own identity.
    pub service_endpoints: Vec<String>,
}

impl VirtualNetwork {
    /// The subnet `name`, in any case.
    pub fn subnet(&self, name: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.name.eq_ignore_ascii_case(name))
    }

    /// Whether the address lies in the address space.
    pub fn contains(&self, address: &IpAddr) -> bool {
        self.prefixes.iter().any(|prefix| prefix.contains(address))
    }

    /// The id of `subnet` in this network.
    pub fn id_of(&self, subnet: &Subnet) -> SubnetId {
        SubnetId::new(&*self.name, &*subnet.name)
    }
}

impl Subnet {
    /// Whether the subnet has the registry's service endpoint, without which no rule that names it counts.
    pub fn serves_registry(&self) -> bool {
        self.service_endpoints.iter().any(|service| service.eq_ignore_ascii_case(REGISTRY_SERVICE))
    }
}
