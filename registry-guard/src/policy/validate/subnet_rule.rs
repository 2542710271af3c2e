use super::action_of;
use super::allowance::Allowance;
use super::grants::Grants;
use crate::policy::{Action, Edit, Limits, Policy, PolicyError, SubnetId, SubnetRule};

const FIELD: &str = "virtualNetworkRules.id";

impl Policy {
    pub(super) fn add_subnet_rule(
        &self,
        registry: &str,
        subnet_id: &str,
        only_if_absent: bool,
        action: Option<&str>,
        limits: &Limits,
    ) -> Result<Vec<Edit>, PolicyError> {
        let found = self.find_registry(registry)?;
        let id = SubnetId::parse(FIELD, subnet_id)?;
        let network = self.find_network(&id.network)?;
        let subnet = network.id_of(network.find_subnet(&id.subnet)?);
        let same = found.subnet_rule(&subnet);
        if only_if_absent && same.is_some() {
            return Err(PolicyError::AlreadyExists { kind: "virtual network rule", name: subnet.to_string() });
        }
        if action.is_none() && same.is_some_and(|rule| rule.action == Action::Deny) {
            return Err(PolicyError::DenyRuleStands { registry: found.name.clone(), sources: subnet.to_string() });
        }
        let action = action_of(|| "virtualNetworkRules.action".to_owned(), action)?;
        let rule = match same {
            Some(same) if same.action == action => return Ok(Vec::new()),
            Some(other) => SubnetRule { action, ..other.clone() },
            None => {
                Allowance::of(found, limits).subnet_rules(found.subnet_rules.len() + 1, 1)?;
                SubnetRule { subnet, action, counter: Grants::new(self, limits).one()? }
            }
        };
        Ok(vec![Edit::InsertSubnetRule { registry: registry.to_ascii_lowercase(), rule }])
    }

    pub(super) fn remove_subnet_rule(&self, registry: &str, subnet_id: &str) -> Result<Vec<Edit>, PolicyError> {
        let subnet = self.find_subnet_rule(registry, subnet_id)?.subnet.clone();
        Ok(vec![Edit::RemoveSubnetRule { registry: registry.to_ascii_lowercase(), subnet }])
    }

    /// The virtual-network rule that names `subnet_id`, a full id.
    pub fn find_subnet_rule(&self, registry: &str, subnet_id: &str) -> Result<&SubnetRule, PolicyError> {
        let found = self.find_registry(registry)?;
        let subnet = SubnetId::parse(FIELD, subnet_id)?;
        found
            .subnet_rule(&subnet)
            .ok_or_else(|| PolicyError::SubnetRuleNotFound { registry: found.name.clone(), subnet: subnet.to_string() })
    }

    /// The subnet that a rule is to name, spelled as the subnet itself is.
    pub(super) fn existing_subnet(&self, field: impl Fn() -> String, subnet_id: &str) -> Result<SubnetId, PolicyError> {
        let id = SubnetId::parse(&field(), subnet_id)?;
        let Some(network) = self.network(&id.network) else {
            let known = self.networks.values().map(|network| network.name.as_str());
            let problem = "names a virtual network that does not exist";
            return Err(PolicyError::invalid(field(), subnet_id, problem, one_of(known)));
        };
        let Some(subnet) = network.subnet(&id.subnet) else {
            let known = network.subnets.iter().map(|subnet| subnet.name.as_str());
            let problem = format!("names a subnet that virtual network `{}` does not have", network.name);
            return Err(PolicyError::invalid(field(), subnet_id, problem, one_of(known)));
        };
        Ok(network.id_of(subnet))
    }
}

fn one_of<'a>(known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    if known.is_empty() { "none before one is created".to_owned() } else { known.join(", ") }
}
