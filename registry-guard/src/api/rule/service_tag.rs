use serde::Serialize;
use serde_json::{Value, json};

use super::{Named, Rule};
use crate::policy::{Action, Change, Policy, PolicyError, Registry, ServiceTagRule};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    service_tag: &'a str,
    /// Whether the tag has prefixes at present.
    effective: bool,
    /// How many prefixes the tag has at present.
    prefixes: usize,
}

impl Rule for ServiceTagRule {
    fn all(registry: &Registry) -> impl Iterator<Item = &Self> {
        registry.service_tag_rules.iter()
    }

    fn find<'p>(policy: &'p Policy, registry: &str, tag: &str) -> Result<&'p Self, PolicyError> {
        policy.find_service_tag_rule(registry, tag)
    }

    fn add(registry: String, tag: String, only_if_absent: bool, action: Option<String>) -> Change {
        Change::AddServiceTagRule { registry, tag, only_if_absent, action }
    }

    fn remove(registry: String, tag: String) -> Change {
        Change::RemoveServiceTagRule { registry, tag }
    }

    fn removed(tag: &str) -> Value {
        json!({"serviceTag": tag})
    }

    fn action(&self) -> Action {
        self.action
    }

    fn counter(&self) -> u32 {
        self.counter
    }

    fn named(&self) -> Named<'_> {
        Named::ServiceTag
    }

    fn source<'a>(&'a self, policy: &'a Policy) -> impl Serialize + 'a {
        let prefixes = policy.service_tag_prefixes(&self.tag).len();
        Source { service_tag: &self.tag, effective: prefixes > 0, prefixes }
    }
}
