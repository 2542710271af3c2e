use std::net::IpAddr;

use super::network::is_name;
use super::site::Site;
use super::{Faults, Model, PrivateEndpoint};
use crate::sequences::call::Call;

impl Model {
    pub(super) fn place_of_private_endpoint(&self, name: &str) -> Option<usize> {
        self.private_endpoints.iter().position(|endpoint| endpoint.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn put_private_endpoint(&mut self, call: &Call, faults: &mut Faults) {
        let Call::PutPrivateEndpoint { name, network, address, status, description } = call else { return };
        let place = self.place_of_private_endpoint(name);
        let before = place.and_then(|place| self.private_endpoints.get(place)).cloned();
        if before.is_none() && network.is_none() && address.is_none() {
            // Nothing is there to be approved or rejected.
            faults.add(Faults::MISSING);
        }
        if !is_name(name) {
            faults.add(Faults::BAD);
        }
        let network = self.network_named(network.as_deref(), before.as_ref(), faults);
        let address = match address {
            Some(text) => text.parse().ok(),
            None => before.as_ref().map(|before| before.address),
        };
        let Some(address) = faults.need(address, Faults::BAD) else { return };
        let approved = match status.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("approved") => true,
            Some("rejected") => false,
            None => before.as_ref().is_none_or(|before| before.approved),
            Some(_) => return faults.add(Faults::BAD),
        };
        let description = description.clone().or(before.as_ref().map(|before| before.description.clone()));
        let description = description.unwrap_or_default();
        if description.chars().count() > 140 || description.chars().any(char::is_control) {
            faults.add(Faults::BAD);
        }
        let Some(network) = network else { return };
        self.judge_place(&network, address, place, faults);
        let name = before.map_or_else(|| name.clone(), |before| before.name);
        let endpoint = PrivateEndpoint { name, network, address, approved, description };
        match place.and_then(|place| self.private_endpoints.get_mut(place)) {
            Some(there) => *there = endpoint,
            None => self.private_endpoints.push(endpoint),
        }
    }

    pub(super) fn delete_private_endpoint(&mut self, name: &str, faults: &mut Faults) {
        if let Some(place) = faults.need(self.place_of_private_endpoint(name), Faults::MISSING) {
            self.private_endpoints.remove(place);
        }
    }

    /// The network in lower case, by its name or its id.
    fn network_named(
        &self,
        asked: Option<&str>,
        before: Option<&PrivateEndpoint>,
        faults: &mut Faults,
    ) -> Option<String> {
        let Some(asked) = asked else {
            return faults.need(before.map(|before| before.network.clone()), Faults::BAD);
        };
        let asked = asked.to_ascii_lowercase();
        let start = format!("{}/providers/microsoft.network/virtualnetworks/", super::GROUP.to_ascii_lowercase());
        let name = if asked.starts_with('/') { asked.strip_prefix(&start) } else { Some(asked.as_str()) };
        let name = faults.need(name.filter(|name| !name.contains('/')), Faults::BAD)?;
        faults.need(self.networks.contains_key(name).then(|| name.to_owned()), Faults::MISSING)
    }

    /// It lies inside the network, the registry listens there, and no other of that network has it.
    fn judge_place(&self, network: &str, address: IpAddr, own: Option<usize>, faults: &mut Faults) {
        let space = self.networks.get(network).map(|network| network.prefixes.as_slice()).unwrap_or_default();
        if !space.iter().any(|prefix| prefix.contains(&address)) || !Site::listening().contains(&address) {
            faults.add(Faults::BAD);
        }
        let mut others = self.private_endpoints.iter().enumerate().filter(|(place, _)| Some(*place) != own);
        if others.any(|(_, other)| other.network == network && other.address == address) {
            faults.add(Faults::CONFLICT);
        }
    }
}
