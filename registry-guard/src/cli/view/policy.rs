//! The document of `export`, and what `apply` changed.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::resource::text;
use crate::cli::output::{Table, View};
use crate::document::Document;

/// `export`
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct DocumentView(pub(crate) Document);

impl View for DocumentView {
    /// What rules there are, as rows; the document itself has no columns.
    fn tables(&self) -> Vec<Table> {
        let document = serde_json::to_value(&self.0).unwrap_or_default();
        let mut table = Table::new(["REGISTRY", "LIST", "NAME", "VALUE"]);
        for registry in elements(&document, "registries") {
            let row = |list: &str, name: String, value: String| {
                vec![text(registry.get("name")), list.to_owned(), name, value]
            };
            for (key, value) in registry.as_object().into_iter().flatten().filter(|(key, _)| *key != "name") {
                match value.as_array() {
                    None => table.rows.push(row("", key.clone(), text(Some(value)))),
                    Some(entries) => {
                        table.rows.extend(entries.iter().map(|entry| row(key, called(entry), valued(entry))));
                    }
                }
            }
        }
        for network in elements(&document, "virtualNetworks") {
            let row = vec![String::new(), "virtualNetworks".to_owned(), called(network), valued(network)];
            table.rows.push(row);
        }
        vec![table]
    }
}

fn elements<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn called(entry: &Value) -> String {
    let network = entry.get("virtualNetwork").filter(|_| entry.get("subnet").is_some());
    let names =
        [network, entry.get("subnet"), entry.get("ipAddressOrRange"), entry.get("serviceTag"), entry.get("name")];
    let names: Vec<String> = names.into_iter().flatten().map(|name| text(Some(name))).collect();
    names.join("/")
}

fn valued(entry: &Value) -> String {
    let values = ["action", "status", "ipAddress", "vni", "addressPrefixes"].map(|key| text(entry.get(key)));
    values.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `apply`: what was changed, or would be.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppliedView {
    revision: u64,
    changed: bool,
    dry_run: bool,
    destroyed_connections: u64,
    summary: Summary,
    steps: Vec<StepView>,
}

#[derive(Deserialize, Serialize)]
struct Summary {
    add: u64,
    change: u64,
    remove: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct StepView {
    change: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtual_network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl StepView {
    fn subject(&self) -> (&str, &str) {
        match (&self.registry, &self.virtual_network) {
            (Some(name), _) => ("registry", name),
            (None, Some(name)) => ("virtual network", name),
            (None, None) => ("policy", ""),
        }
    }

    fn line(&self) -> String {
        let mark = match self.change.as_str() {
            "add" => '+',
            "remove" => '-',
            _ => '~',
        };
        let mut line = format!("  {mark} ");
        if let Some(list) = &self.list {
            line.push_str(list);
            line.push(' ');
        }
        line.push_str(&self.name);
        let _ = match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(line, ": {before} -> {after}"),
            (Some(one), None) | (None, Some(one)) => write!(line, ": {one}"),
            (None, None) => Ok(()),
        };
        line
    }
}

impl AppliedView {
    fn conclusion(&self) -> String {
        let Self { revision, summary: Summary { add, change, remove }, .. } = self;
        if !self.changed {
            return format!("No changes: the policy is what the document says (revision {revision}).");
        }
        let what = if self.steps.is_empty() {
            "only the order or the spelling of rules".to_owned()
        } else if self.dry_run {
            format!("{add} to add, {change} to change, {remove} to remove")
        } else {
            format!("{add} added, {change} changed, {remove} removed")
        };
        if self.dry_run {
            format!("Plan: {what}. Nothing was changed (revision {revision}).")
        } else {
            format!("Applied: {what}. The kernel enforces revision {revision}.")
        }
    }
}

impl View for AppliedView {
    fn tables(&self) -> Vec<Table> {
        concluded(&self.steps, self.conclusion())
    }
}

/// Lines as people know them from tools that plan first, under the name of what they are about.
fn concluded(steps: &[StepView], conclusion: String) -> Vec<Table> {
    let mut lines = Vec::with_capacity(steps.len() + 1);
    let mut about = None;
    for step in steps {
        let subject = step.subject();
        if about != Some(subject) {
            about = Some(subject);
            lines.push(format!("{} {}", subject.0, subject.1).trim_end().to_owned());
        }
        lines.push(step.line());
    }
    lines.push(conclusion);
    vec![Table::of_lines(lines)]
}

/// `diff`: how two revisions differ.
#[derive(Deserialize, Serialize)]
pub(crate) struct DifferenceView {
    from: u64,
    to: u64,
    summary: Summary,
    steps: Vec<StepView>,
}

impl View for DifferenceView {
    fn tables(&self) -> Vec<Table> {
        let Self { from, to, summary: Summary { add, change, remove }, steps } = self;
        let what = if steps.is_empty() {
            "no difference, but perhaps the order or the spelling of rules".to_owned()
        } else {
            format!("{add} added, {change} changed, {remove} removed")
        };
        concluded(steps, format!("From revision {from} to {to}: {what}."))
    }
}

/// `rollback`: what was changed, or would be.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RolledBackView {
    revision: u64,
    changed: bool,
    to: u64,
    dry_run: bool,
    destroyed_connections: u64,
    summary: Summary,
    steps: Vec<StepView>,
}

impl View for RolledBackView {
    fn tables(&self) -> Vec<Table> {
        let Self { revision, to, summary: Summary { add, change, remove }, steps, .. } = self;
        let conclusion = if !self.changed {
            format!("No changes: the policy is that of revision {to} (revision {revision}).")
        } else if self.dry_run {
            format!(
                "Plan: back to revision {to}, {add} to add, {change} to change, {remove} to remove. Nothing was changed (revision {revision})."
            )
        } else {
            format!(
                "Back to revision {to}: {add} added, {change} changed, {remove} removed. The kernel enforces revision {revision}."
            )
        };
        concluded(steps, conclusion)
    }
}
