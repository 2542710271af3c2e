//! Network rules: `value` on the wire is `ipAddressOrRange` to people, a subnet's `id` is `virtualNetworkResourceId`.
//!
//! A registry may have a million of them, so they borrow from the answer they came in.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::output::{Table, View};

/// One IP rule.
#[derive(Deserialize, Serialize)]
pub(crate) struct IpRule<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    #[serde(borrow, rename(deserialize = "value", serialize = "ipAddressOrRange"))]
    value: Cow<'a, str>,
}

/// One virtual-network rule.
#[derive(Deserialize, Serialize)]
pub(crate) struct SubnetRule<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    #[serde(borrow, rename(deserialize = "id", serialize = "virtualNetworkResourceId"))]
    id: Cow<'a, str>,
}

/// One service-tag rule.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceTagRule<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefixes: Option<u64>,
    #[serde(borrow)]
    service_tag: Cow<'a, str>,
}

/// `network-rule list`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "they are the keys of the output")]
pub(crate) struct RuleListView<'a> {
    /// In the order they were added.
    pub(crate) ip_rules: Vec<IpRule<'a>>,
    /// In the order they were added.
    pub(crate) virtual_network_rules: Vec<SubnetRule<'a>>,
    /// In the order they were added.
    pub(crate) service_tag_rules: Vec<ServiceTagRule<'a>>,
}

impl View for RuleListView<'_> {
    fn tables(&self) -> Vec<Table> {
        let with_hits = self.ip_rules.iter().any(|rule| rule.hits.is_some())
            || self.virtual_network_rules.iter().any(|rule| rule.hits.is_some())
            || self.service_tag_rules.iter().any(|rule| rule.hits.is_some());
        let mut table = Table::new(["ACTION", "SOURCE"]);
        if with_hits {
            table.header.extend(["HITS".to_owned(), "EFFECTIVE".to_owned()]);
        }
        let row = |action: &str, source: &str, hits: Option<u64>, effective: Option<bool>| {
            let mut row = vec![action.to_owned(), source.to_owned()];
            if with_hits {
                row.push(hits.map(|hits| hits.to_string()).unwrap_or_default());
                row.push(effective.unwrap_or(true).to_string());
            }
            row
        };
        table.rows = self.ip_rules.iter().map(|rule| row(&rule.action, &rule.value, rule.hits, None)).collect();
        table.rows.extend(
            self.virtual_network_rules.iter().map(|rule| row(&rule.action, &rule.id, rule.hits, rule.effective)),
        );
        table.rows.extend(
            self.service_tag_rules.iter().map(|rule| row(&rule.action, &rule.service_tag, rule.hits, rule.effective)),
        );
        vec![table]
    }
}

/// Renames the keys of the answer to one rule's addition or removal.
pub(crate) fn rule_answer(mut answer: Value) -> Value {
    if let Some(rule) = answer.as_object_mut() {
        if let Some(value) = rule.remove("value") {
            rule.insert("ipAddressOrRange".to_owned(), value);
        }
        let subnet = rule.remove("virtualNetworkSubnetResourceId");
        if let Some(id) = rule.remove("id").or(subnet) {
            rule.insert("virtualNetworkResourceId".to_owned(), id);
        }
    }
    answer
}
