//! Checks what was asked for against the policy as it is, and says which edits it amounts to.

mod allowance;
mod apply;
mod document_place;
mod grants;
mod ip_rule;
mod name;
mod network;
mod patch;
mod prefixes;
mod private_endpoint;
mod private_endpoint_request;
mod roll_back;
mod service_tag_rule;
mod service_tags;
mod subnet_rule;
#[cfg(test)]
mod tests;

pub use name::registry_name_is_valid;

use super::{Action, Change, Edit, Limits, Policy, PolicyError, Registry, VirtualNetwork};

impl Policy {
    /// The edits that `change` amounts to; none when everything is so already. Changes nothing itself.
    pub fn validate(&self, change: &Change, limits: &Limits) -> Result<Vec<Edit>, PolicyError> {
        let edits = self.edits(change, limits)?;
        self.refuse_too_many_prefixes(&edits, limits)?;
        Ok(edits)
    }

    fn edits(&self, change: &Change, limits: &Limits) -> Result<Vec<Edit>, PolicyError> {
        match change {
            Change::PatchRegistry { registry, patch } => self.patch_registry(registry, patch, limits),
            Change::AddIpRule { registry, value, only_if_absent, action } => {
                self.add_ip_rule(registry, value, *only_if_absent, action.as_deref(), limits)
            }
            Change::RemoveIpRule { registry, value } => self.remove_ip_rule(registry, value),
            Change::AddSubnetRule { registry, subnet_id, only_if_absent, action } => {
                self.add_subnet_rule(registry, subnet_id, *only_if_absent, action.as_deref(), limits)
            }
            Change::RemoveSubnetRule { registry, subnet_id } => self.remove_subnet_rule(registry, subnet_id),
            Change::AddServiceTagRule { registry, tag, only_if_absent, action } => {
                self.add_service_tag_rule(registry, tag, *only_if_absent, action.as_deref(), limits)
            }
            Change::RemoveServiceTagRule { registry, tag } => self.remove_service_tag_rule(registry, tag),
            Change::ImportServiceTags { file, at } => self.import_service_tags(file, at, limits),
            Change::PutPrivateEndpoint { registry, name, only_if_absent, request } => {
                self.put_private_endpoint(registry, name, *only_if_absent, request, limits)
            }
            Change::DeletePrivateEndpoint { registry, name } => self.delete_private_endpoint(registry, name),
            Change::PutNetwork { name, only_if_absent, request } => self.put_network(name, *only_if_absent, request),
            Change::DeleteNetwork { name } => self.delete_network(name),
            Change::PutSubnet { network, name, only_if_absent, request } => {
                self.put_subnet(network, name, *only_if_absent, request)
            }
            Change::DeleteSubnet { network, name } => self.delete_subnet(network, name),
            Change::Apply(request) => self.apply_request(request, limits),
            Change::RollBack(past) => self.roll_back(past, limits),
        }
    }

    /// The registry `name`, or the error that names those there are.
    pub fn find_registry(&self, name: &str) -> Result<&Registry, PolicyError> {
        self.registry(name).ok_or_else(|| PolicyError::RegistryNotFound {
            name: name.to_owned(),
            known: self.registries.values().map(|registry| registry.name.clone()).collect(),
        })
    }

    /// The virtual network `name`, or the error that names those there are.
    pub fn find_network(&self, name: &str) -> Result<&VirtualNetwork, PolicyError> {
        self.network(name).ok_or_else(|| PolicyError::NetworkNotFound {
            name: name.to_owned(),
            known: self.networks.values().map(|network| network.name.clone()).collect(),
        })
    }
}

impl VirtualNetwork {
    /// The subnet `name`, or the error that names those there are.
    pub fn find_subnet(&self, name: &str) -> Result<&super::Subnet, PolicyError> {
        self.subnet(name).ok_or_else(|| PolicyError::SubnetNotFound {
            network: self.name.clone(),
            name: name.to_owned(),
            known: self.subnets.iter().map(|subnet| subnet.name.clone()).collect(),
        })
    }
}

/// The action of a rule, which is Allow when nothing was said.
fn action_of(field: impl FnOnce() -> String, action: Option<&str>) -> Result<Action, PolicyError> {
    match action {
        None => Ok(Action::Allow),
        Some(word) => Action::parse(word).ok_or_else(|| unknown_word(field(), word, Action::ACCEPTED)),
    }
}

fn unknown_word(field: impl Into<String>, word: &str, accepted: &[&str]) -> PolicyError {
    PolicyError::invalid(field, word, "is not known", accepted.join(", "))
}
