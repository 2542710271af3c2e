use ipnet::IpNet;
use serde::Serialize;

use crate::agent::{Changed, Imported};
use crate::policy::{Action, ServiceTagRule, ServiceTags, ServiceTagsChanges, TagChange};

/// What became of a published file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImportedView<'a> {
    cloud: Option<&'a str>,
    change_number: Option<u64>,
    imported: Option<&'a str>,
    /// How many tags there are now, and how many prefixes they have.
    tags: usize,
    prefixes: usize,
    tags_added: &'a [String],
    tags_removed: &'a [String],
    /// Those that were there before and still are.
    tags_changed: Vec<Change<'a>>,
    /// Of all tags together.
    prefixes_added: usize,
    prefixes_removed: usize,
    /// The rules whose tag has other prefixes than before.
    rules: Vec<Rule<'a>>,
    warnings: Vec<String>,
    #[serde(flatten)]
    changed: Changed,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    name: &'a str,
    prefixes_added: usize,
    prefixes_removed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<&'a [IpNet]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<&'a [IpNet]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    registry: &'a str,
    service_tag: &'a str,
    action: Action,
    effective: bool,
    prefixes: usize,
    prefixes_added: usize,
    prefixes_removed: usize,
}

impl<'a> ImportedView<'a> {
    /// `with_prefixes` names each prefix of the changed tags.
    pub(super) fn new(imported: &'a Imported, with_prefixes: bool) -> Self {
        let tags = imported.policy.service_tags.as_deref();
        let ServiceTagsChanges { added, removed, prefixes } = &imported.changes;
        let stayed = |change: &&TagChange| !added.contains(&change.name) && !removed.contains(&change.name);
        let change = |change: &'a TagChange| Change {
            name: &change.name,
            prefixes_added: change.added.len(),
            prefixes_removed: change.removed.len(),
            added: with_prefixes.then_some(&change.added),
            removed: with_prefixes.then_some(&change.removed),
        };
        Self {
            cloud: tags.map(|tags| tags.cloud.as_str()),
            change_number: tags.map(|tags| tags.change_number),
            imported: tags.map(|tags| tags.imported.as_str()),
            tags: tags.map_or(0, |tags| tags.tags.len()),
            prefixes: tags.map_or(0, ServiceTags::prefix_count),
            tags_added: added,
            tags_removed: removed,
            tags_changed: prefixes.iter().filter(stayed).map(change).collect(),
            prefixes_added: prefixes.iter().map(|change| change.added.len()).sum(),
            prefixes_removed: prefixes.iter().map(|change| change.removed.len()).sum(),
            rules: rules(imported),
            warnings: warnings(imported),
            changed: imported.changed,
        }
    }
}

fn rules(imported: &Imported) -> Vec<Rule<'_>> {
    let mut rules = Vec::new();
    for registry in imported.policy.registries.values() {
        for rule in &registry.service_tag_rules {
            let Some(change) = imported.changes.of(&rule.tag) else { continue };
            let prefixes = imported.policy.service_tag_prefixes(&rule.tag).len();
            rules.push(Rule {
                registry: &registry.name,
                service_tag: &rule.tag,
                action: rule.action,
                effective: prefixes > 0,
                prefixes,
                prefixes_added: change.added.len(),
                prefixes_removed: change.removed.len(),
            });
        }
    }
    rules
}

fn warnings(imported: &Imported) -> Vec<String> {
    let warning = |(registry, rule): (&str, &ServiceTagRule)| {
        let tag = &rule.tag;
        format!(
            "registry {registry}: the rule for service tag {tag} stays and allows nobody, since this file has no prefixes of it"
        )
    };
    imported.unresolved().map(warning).collect()
}
