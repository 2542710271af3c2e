//! Service tags: newer files replace what is held, sent by a caller or found at the watched path.

mod find;
mod watch;

use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use tracing::{info, warn};

pub(super) use self::watch::follow;

use super::{Agent, AgentError, Changed, Terms};
use crate::policy::{Change, Policy, ServiceTagFile, ServiceTagRule, ServiceTagsChanges};

/// What became of a file of service tags.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The revision, and whether the file was not held already.
    pub changed: Changed,
    /// What it changed of the file before.
    pub changes: ServiceTagsChanges,
    /// The policy since then.
    pub policy: Policy,
}

impl Imported {
    /// The names of registries and their service-tag rules that have no prefixes in this file, and had some before: they allow
    /// nobody any more.
    pub fn unresolved(&self) -> impl Iterator<Item = (&str, &ServiceTagRule)> {
        let registries = self.policy.registries.values();
        let rules = registries.flat_map(|registry| {
            self.policy.unresolved_service_tags(registry).map(|rule| (registry.name.as_str(), rule))
        });
        rules.filter(|(_, rule)| self.changes.of(&rule.tag).is_some())
    }
}

impl Agent {
    /// Replaces the service tags by those of a newer file, and returns after the kernel enforces them. Blocks.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn import_service_tags(&self, terms: &Terms<'_>, file: ServiceTagFile) -> Result<Imported, AgentError> {
        let change = Change::ImportServiceTags { file, at: format_rfc3339_seconds(SystemTime::now()).to_string() };
        let (changed, (before, mut policy)) = self.change_seen(terms, &change, |before, edits| {
            let mut after = before.clone();
            after.apply(edits);
            (before.service_tags.clone(), after)
        })?;
        policy.revision = changed.revision;
        let difference = ServiceTagsChanges::between(before.as_deref(), policy.service_tags.as_deref());
        let imported = Imported { changed, changes: difference, policy };
        log(&imported);
        Ok(imported)
    }
}

fn log(imported: &Imported) {
    let Some(tags) = imported.policy.service_tags.as_deref().filter(|_| imported.changed.changed) else { return };
    let ServiceTagsChanges { added, removed, prefixes } = &imported.changes;
    info!(
        cloud = tags.cloud,
        change_number = tags.change_number,
        tags = tags.tags.len(),
        tags_added = added.len(),
        tags_removed = removed.len(),
        prefixes_added = prefixes.iter().map(|change| change.added.len()).sum::<usize>(),
        prefixes_removed = prefixes.iter().map(|change| change.removed.len()).sum::<usize>(),
        "service tags imported"
    );
    for (registry, rule) in imported.unresolved() {
        warn!(
            registry,
            service_tag = rule.tag,
            "the rule for this service tag allows nobody any more: the new file has no prefixes of it"
        );
    }
}
