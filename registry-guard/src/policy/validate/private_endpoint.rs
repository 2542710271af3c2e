use std::net::IpAddr;

use super::grants::Grants;
use super::name::resource_name;
use super::private_endpoint_request::{ADDRESS, NETWORK, address_of, description_of, network_name, status_of};
use crate::policy::{
    Edit, Limits, Policy, PolicyError, PrivateEndpoint, PrivateEndpointRequest, Registry, VirtualNetwork,
};

impl Policy {
    pub(super) fn put_private_endpoint(
        &self,
        registry: &str,
        name: &str,
        only_if_absent: bool,
        request: &PrivateEndpointRequest,
        limits: &Limits,
    ) -> Result<Vec<Edit>, PolicyError> {
        let found = self.find_registry(registry)?;
        let before = found.private_endpoint(name);
        if only_if_absent && let Some(before) = before {
            return Err(PolicyError::AlreadyExists { kind: "private endpoint connection", name: before.name.clone() });
        }
        if before.is_none() && request.network.is_none() && request.address.is_none() {
            return Err(not_found(found, name));
        }
        let endpoint =
            self.private_endpoint_asked_for(found, name, request, before, limits, &mut Grants::new(self, limits))?;
        if before == Some(&endpoint) {
            return Ok(Vec::new());
        }
        Ok(vec![Edit::PutPrivateEndpoint { registry: registry.to_ascii_lowercase(), endpoint }])
    }

    /// What `before` is to become; no other private endpoint of this policy has its address.
    pub(super) fn private_endpoint_asked_for(
        &self,
        found: &Registry,
        name: &str,
        request: &PrivateEndpointRequest,
        before: Option<&PrivateEndpoint>,
        limits: &Limits,
        grants: &mut Grants<'_>,
    ) -> Result<PrivateEndpoint, PolicyError> {
        resource_name("private endpoint connection name", name)?;
        let network = self.network_of(request, before)?;
        let endpoint = PrivateEndpoint {
            name: before.map_or(name, |before| &before.name).to_owned(),
            network: network.name.clone(),
            address: address_of(request, before)?,
            status: status_of(request, before)?,
            description: description_of(request, before)?,
            counter: match before {
                Some(before) => before.counter,
                None => grants.one()?,
            },
        };
        if before.is_none_or(|before| (&before.network, before.address) != (&endpoint.network, endpoint.address)) {
            refuse_outside(&endpoint.address, network)?;
            refuse_unheard(&endpoint.address, found, limits)?;
        }
        self.refuse_taken(found, &endpoint)?;
        Ok(endpoint)
    }

    pub(super) fn delete_private_endpoint(&self, registry: &str, name: &str) -> Result<Vec<Edit>, PolicyError> {
        self.find_private_endpoint(registry, name)?;
        let (registry, name) = (registry.to_ascii_lowercase(), name.to_ascii_lowercase());
        Ok(vec![Edit::RemovePrivateEndpoint { registry, name }])
    }

    /// The private endpoint `name` of a registry, or the error that names those there are.
    pub fn find_private_endpoint(&self, registry: &str, name: &str) -> Result<&PrivateEndpoint, PolicyError> {
        let found = self.find_registry(registry)?;
        found.private_endpoint(name).ok_or_else(|| not_found(found, name))
    }

    /// Refuses to let a virtual network go while a private endpoint is in it.
    pub(super) fn refuse_if_inhabited(&self, network: &VirtualNetwork) -> Result<(), PolicyError> {
        match self.private_endpoints_in(&network.name).next() {
            None => Ok(()),
            Some((registry, endpoint)) => Err(PolicyError::NetworkInUse {
                network: network.name.clone(),
                registry: registry.name.clone(),
                endpoint: endpoint.name.clone(),
            }),
        }
    }

    /// Refuses an address space that leaves a private endpoint outside.
    pub(super) fn refuse_stray_private_endpoints(&self, network: &VirtualNetwork) -> Result<(), PolicyError> {
        let stray = |(_, endpoint): &(&Registry, &PrivateEndpoint)| !network.contains(&endpoint.address);
        let Some((registry, endpoint)) = self.private_endpoints_in(&network.name).find(stray) else {
            return Ok(());
        };
        let problem = format!(
            "of private endpoint connection `{}` of registry `{}` is outside of virtual network `{}`",
            endpoint.name, registry.name, network.name
        );
        let accepted = "prefixes that hold it, or delete the connection first";
        Err(PolicyError::invalid("addressSpace.addressPrefixes", endpoint.address.to_string(), problem, accepted))
    }

    fn network_of(
        &self,
        request: &PrivateEndpointRequest,
        before: Option<&PrivateEndpoint>,
    ) -> Result<&VirtualNetwork, PolicyError> {
        match (&request.network, before) {
            (Some(asked), _) => self.find_network(network_name(asked)?),
            (None, Some(before)) => self.find_network(&before.network),
            (None, None) => Err(PolicyError::missing(NETWORK, "the name or the id of a virtual network")),
        }
    }

    fn refuse_taken(&self, registry: &Registry, wanted: &PrivateEndpoint) -> Result<(), PolicyError> {
        let taken = |(owner, other): &(&Registry, &PrivateEndpoint)| {
            let same = owner.name == registry.name && other.name == wanted.name;
            other.address == wanted.address && !same
        };
        match self.private_endpoints_in(&wanted.network).find(taken) {
            None => Ok(()),
            Some((owner, other)) => Err(PolicyError::AddressTaken {
                address: wanted.address,
                network: wanted.network.clone(),
                registry: owner.name.clone(),
                endpoint: other.name.clone(),
            }),
        }
    }
}

fn not_found(registry: &Registry, name: &str) -> PolicyError {
    PolicyError::PrivateEndpointNotFound {
        registry: registry.name.clone(),
        name: name.to_owned(),
        known: registry.private_endpoints.iter().map(|endpoint| endpoint.name.clone()).collect(),
    }
}

fn refuse_outside(address: &IpAddr, network: &VirtualNetwork) -> Result<(), PolicyError> {
    if network.contains(address) {
        return Ok(());
    }
    let space: Vec<String> = network.prefixes.iter().map(ToString::to_string).collect();
    let problem = format!("is outside of virtual network `{}`", network.name);
    let accepted = format!("an address inside {}", space.join(", "));
    Err(PolicyError::invalid(ADDRESS, address.to_string(), problem, accepted))
}

fn refuse_unheard(address: &IpAddr, registry: &Registry, limits: &Limits) -> Result<(), PolicyError> {
    if limits.listens(&registry.name, address) {
        return Ok(());
    }
    let listening: Vec<String> = limits.listening(&registry.name).iter().map(ToString::to_string).collect();
    let problem = format!("is no address that registry `{}` listens on", registry.name);
    let accepted = format!("{} (`listen` in config.toml)", listening.join(", "));
    Err(PolicyError::invalid(ADDRESS, address.to_string(), problem, accepted))
}
