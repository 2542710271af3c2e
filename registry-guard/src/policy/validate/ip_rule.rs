use ipnet::IpNet;

use super::action_of;
use super::allowance::Allowance;
use super::grants::Grants;
use crate::policy::prefix::{self, Quoted, parse_prefix};
use crate::policy::public_space::{refused_source, unmapped};
use crate::policy::{Action, Edit, IpRule, Limits, Policy, PolicyError, PrefixError};

const FIELD: &str = "ipRules.value";

impl Policy {
    pub(super) fn add_ip_rule(
        &self,
        registry: &str,
        value: &str,
        only_if_absent: bool,
        action: Option<&str>,
        limits: &Limits,
    ) -> Result<Vec<Edit>, PolicyError> {
        let found = self.find_registry(registry)?;
        let prefix = public_prefix(|| FIELD.to_owned(), value, limits.allows_private(registry))?;
        let same = found.ip_rules.get(&prefix);
        if only_if_absent && let Some(same) = same {
            return Err(PolicyError::AlreadyExists { kind: "IP rule", name: same.value.clone() });
        }
        if action.is_none() && same.is_some_and(|rule| rule.action == Action::Deny) {
            return Err(PolicyError::DenyRuleStands { registry: found.name.clone(), sources: value.to_owned() });
        }
        let action = action_of(|| "ipRules.action".to_owned(), action)?;
        let rule = match same {
            Some(same) if same.action == action => return Ok(Vec::new()),
            Some(other) => IpRule { action, ..other.clone() },
            None => {
                Allowance::of(found, limits).ip_rules(found.ip_rules.len() + 1, 1)?;
                IpRule { value: value.to_owned(), prefix, action, counter: Grants::new(self, limits).one()? }
            }
        };
        Ok(vec![Edit::InsertIpRule { registry: registry.to_ascii_lowercase(), rule }])
    }

    pub(super) fn remove_ip_rule(&self, registry: &str, value: &str) -> Result<Vec<Edit>, PolicyError> {
        let found = self.find_registry(registry)?;
        let prefix = any_prefix(|| FIELD.to_owned(), value)?;
        if found.ip_rules.get(&prefix).is_none() {
            return Err(PolicyError::IpRuleNotFound { registry: found.name.clone(), value: value.to_owned() });
        }
        Ok(vec![Edit::RemoveIpRule { registry: registry.to_ascii_lowercase(), prefix }])
    }

    /// The IP rule for `value`, however it was spelled.
    pub fn find_ip_rule(&self, registry: &str, value: &str) -> Result<&IpRule, PolicyError> {
        let found = self.find_registry(registry)?;
        let prefix = any_prefix(|| FIELD.to_owned(), value)?;
        let missing = || PolicyError::IpRuleNotFound { registry: found.name.clone(), value: value.to_owned() };
        found.ip_rules.get(&prefix).ok_or_else(missing)
    }
}

/// A prefix of any addresses.
pub(super) fn any_prefix(field: impl FnOnce() -> String, value: &str) -> Result<IpNet, PolicyError> {
    parse_prefix(value).map_err(|error| {
        let accepted = match &error {
            PrefixError::HostBits(network) => network.to_string(),
            PrefixError::Surrounded(text) => Quoted(text).to_string(),
            PrefixError::Malformed | PrefixError::TooLong(_) => prefix::ACCEPTED.to_owned(),
        };
        PolicyError::invalid(field(), value, error.to_string(), accepted)
    })
}

/// A prefix that public traffic can come from, or a private one where the registry's configuration allows it.
pub(super) fn public_prefix(
    field: impl Fn() -> String,
    value: &str,
    private_allowed: bool,
) -> Result<IpNet, PolicyError> {
    let prefix = any_prefix(&field, value)?;
    let Some(refused) = refused_source(&prefix).filter(|refused| !(refused.private && private_allowed)) else {
        return Ok(prefix);
    };
    let problem = format!("is {}, inside {}", refused.kind, refused.range);
    let accepted = if refused.private {
        "public addresses (or set `private-ip-rules = \"allow\"` for this registry in config.toml, or use a virtual \
         network rule)"
            .to_owned()
    } else if let Some(plain) = unmapped(&prefix) {
        format!("{plain}, written as IPv4")
    } else {
        "public addresses".to_owned()
    };
    Err(PolicyError::invalid(field(), value, problem, accepted))
}
