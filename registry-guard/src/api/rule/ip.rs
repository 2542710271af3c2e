use serde::Serialize;
use serde_json::{Value, json};

use super::{Named, Rule};
use crate::policy::{Action, Change, IpRule, Policy, PolicyError, Registry};

#[derive(Serialize)]
struct Source<'a> {
    value: &'a str,
}

impl Rule for IpRule {
    fn all(registry: &Registry) -> impl Iterator<Item = &Self> {
        registry.ip_rules.iter()
    }

    fn find<'p>(policy: &'p Policy, registry: &str, value: &str) -> Result<&'p Self, PolicyError> {
        policy.find_ip_rule(registry, value)
    }

    fn add(registry: String, value: String, only_if_absent: bool, action: Option<String>) -> Change {
        Change::AddIpRule { registry, value, only_if_absent, action }
    }

    fn remove(registry: String, value: String) -> Change {
        Change::RemoveIpRule { registry, value }
    }

    fn removed(value: &str) -> Value {
        json!({"value": value})
    }

    fn action(&self) -> Action {
        self.action
    }

    fn counter(&self) -> u32 {
        self.counter
    }

    fn named(&self) -> Named<'_> {
        Named::Prefix(&self.prefix)
    }

    fn source<'a>(&'a self, _: &'a Policy) -> impl Serialize + 'a {
        Source { value: &self.value }
    }
}
