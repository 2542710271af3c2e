use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::agent::Agent;
use super::guard_config::GuardConfig;

impl Agent {
    /// What a refused request must not change: the revision, what the API shows, every row of the store, every table in the
    /// kernel.
    pub fn everything(&self) -> Result<Value> {
        let mut everything = json!({"store": self.store_rows()?, "kernel": self.kernel_tables()?});
        let registry = GuardConfig::REGISTRY;
        for command in [
            "status --query revision".to_owned(),
            format!("show -n {registry}"),
            format!("network-rule list -n {registry} --hits"),
            "list".to_owned(),
            "network vnet list".to_owned(),
        ] {
            everything[&command] = self.json(command.split_whitespace())?;
        }
        Ok(everything)
    }
}

/// Fails with the first place in which two documents differ.
pub fn expect_same(before: &Value, after: &Value, what: &str) -> Result<()> {
    match difference(before, after, "") {
        None => Ok(()),
        Some(place) => bail!("{what} changed something: {place}"),
    }
}

fn difference(before: &Value, after: &Value, place: &str) -> Option<String> {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.iter().find_map(|(key, value)| difference(value, &other[key], &format!("{place}/{key}")))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let both = one.iter().zip(other).enumerate();
            both.into_iter().find_map(|(at, (one, other))| difference(one, other, &format!("{place}/{at}")))
        }
        _ if before == after => None,
        _ => Some(format!("{place}: from {before} to {after}").chars().take(1000).collect()),
    }
}
