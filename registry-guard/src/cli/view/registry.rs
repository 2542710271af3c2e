//! A registry, flattened as `az` does; its rules stay borrowed, however many there are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::flatten::flatten_resource;
use super::resource::text;
use super::rules::{IpRule, RuleListView, SubnetRule};
use crate::cli::output::{Table, View};

/// One registry as the API answers it.
#[derive(Deserialize)]
pub(crate) struct RegistryView<'a> {
    #[serde(borrow)]
    properties: Properties<'a>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Properties<'a> {
    #[serde(borrow, rename = "networkRuleSet")]
    rules: RuleSet<'a>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleSet<'a> {
    #[serde(borrow)]
    default_action: Cow<'a, str>,
    #[serde(borrow)]
    ip_rules: Vec<IpRule<'a>>,
    #[serde(borrow)]
    virtual_network_rules: Vec<SubnetRule<'a>>,
}

impl<'a> RegistryView<'a> {
    /// A property other than the rules, or null.
    fn property(&self, name: &str) -> &Value {
        self.properties.rest.get(name).unwrap_or(&Value::Null)
    }

    /// Only the rules.
    pub(crate) fn into_rules(self) -> RuleListView<'a> {
        let RuleSet { ip_rules, virtual_network_rules, .. } = self.properties.rules;
        RuleListView { ip_rules, virtual_network_rules }
    }

    fn row(&self) -> Vec<String> {
        vec![
            text(self.rest.get("name")),
            text(Some(self.property("loginServer"))),
            text(Some(self.property("publicNetworkAccess"))),
            self.properties.rules.default_action.clone().into_owned(),
            self.properties.rules.ip_rules.len().to_string(),
            self.properties.rules.virtual_network_rules.len().to_string(),
            text(Some(self.property("networkRuleBypassOptions"))),
            self.property("privateEndpointConnections").as_array().map_or(0, Vec::len).to_string(),
            text(Some(self.property("creationDate"))),
        ]
    }
}

const HEADER: [&str; 9] = [
    "NAME",
    "LOGIN SERVER",
    "PUBLIC ACCESS",
    "DEFAULT ACTION",
    "IP RULES",
    "SUBNET RULES",
    "BYPASS",
    "PRIVATE ENDPOINTS",
    "CREATION DATE",
];

impl Serialize for RegistryView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Part<'v, 'a> {
            Plain(&'v Value),
            Rules(&'v RuleSet<'a>),
        }
        // Everything but the rules is small, so a copy costs nothing.
        let mut resource = self.rest.clone();
        resource.insert("properties".to_owned(), Value::Object(self.properties.rest.clone()));
        let flat = flatten_resource(resource);
        let mut parts: BTreeMap<&str, Part> =
            flat.iter().map(|(key, value)| (key.as_str(), Part::Plain(value))).collect();
        parts.insert("networkRuleSet", Part::Rules(&self.properties.rules));
        parts.serialize(serializer)
    }
}

impl View for RegistryView<'_> {
    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new(HEADER);
        table.rows.push(self.row());
        vec![table]
    }
}

/// `list`
#[derive(Deserialize)]
pub(crate) struct RegistryListView<'a> {
    #[serde(borrow)]
    value: Vec<RegistryView<'a>>,
}

impl Serialize for RegistryListView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl View for RegistryListView<'_> {
    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new(HEADER);
        table.rows = self.value.iter().map(RegistryView::row).collect();
        vec![table]
    }
}
