//! What leads from the policy after a change back to the one before it.

mod list;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use self::list::{ListUndo, is_shorter};
use self::records::{
    EndpointRecord, IpRecord, NetworkRecord, ServiceTagRecord, SettingsRecord, SubnetRecord, TagRecord,
};
use super::{Edit, IpRules, Policy, Registry, ServiceTags, Subject};

/// What leads from the policy after a change back to the one before it: differences, so that it is about as large as the change.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// By lower-case name.
    registries: Vec<(String, RegistryUndo)>,
    /// By lower-case name; none where there was no such network.
    networks: Vec<(String, Option<NetworkRecord>)>,
    service_tags: Option<ServiceTagsUndo>,
}

/// Lists and settings that the change left alone are absent.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct RegistryUndo {
    settings: Option<SettingsRecord>,
    ip_rules: Option<ListUndo<IpRecord, IpNet>>,
    subnet_rules: Option<ListUndo<SubnetRecord, (String, String)>>,
    service_tag_rules: Option<ListUndo<TagRecord, String>>,
    private_endpoints: Option<ListUndo<EndpointRecord, String>>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ServiceTagsUndo {
    /// There was no file.
    None,
    File {
        cloud: String,
        change_number: u64,
        imported: String,
        /// Lower-case names of tags that had come.
        came: Vec<String>,
        /// Tags that had gone or become something else, as they were.
        back: Vec<ServiceTagRecord>,
    },
}

/// Bytes that are no [`Undo`].
#[derive(Debug, thiserror::Error)]
#[error("what leads back cannot be read: {0}")]
pub struct UndoError(#[from] postcard::Error);

impl Undo {
    /// Of `edits`, which come from validating a change of `before`.
    pub fn of(before: &Policy, edits: &[Edit]) -> Self {
        let mut undo = Self::default();
        let mut networks = BTreeSet::new();
        let mut registries: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
        for edit in edits {
            match (edit.subject(), edit) {
                (Subject::Registry(name), _) => registries.entry(name).or_default().push(edit),
                (Subject::Network(name), _) => {
                    networks.insert(name.to_ascii_lowercase());
                }
                (Subject::ServiceTags, Edit::ImportServiceTags(after)) => {
                    undo.service_tags = Some(ServiceTagsUndo::between(before.service_tags.as_deref(), Some(after)));
                }
                (Subject::ServiceTags, _) => {
                    undo.service_tags = Some(ServiceTagsUndo::between(before.service_tags.as_deref(), None));
                }
            }
        }
        let of_network = |key: String| {
            let network = before.networks.get(&key).map(NetworkRecord::of);
            (key, network)
        };
        undo.networks = networks.into_iter().map(of_network).collect();
        for (name, edits) in registries {
            if let Some(registry) = before.registries.get(name) {
                undo.registries.push((name.to_owned(), RegistryUndo::of(registry, &edits)));
            }
        }
        undo
    }

    /// As the bytes that are kept.
    pub fn to_bytes(&self) -> Result<Vec<u8>, UndoError> {
        Ok(postcard::to_extend(self, Vec::new())?)
    }

    /// Reads what [`Undo::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UndoError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

impl RegistryUndo {
    fn of(before: &Registry, edits: &[&Edit]) -> Self {
        let mut undo = Self::default();
        let mut after = before.clone();
        let mut spare = super::Counters::default();
        let (mut ip_rules, mut subnets, mut tags, mut endpoints) = (Vec::new(), false, false, false);
        for &edit in edits {
            match edit {
                Edit::SetRegistry { .. } => undo.settings = Some(before.settings().into()),
                Edit::InsertIpRule { .. } | Edit::RemoveIpRule { .. } | Edit::ReplaceIpRules { .. } => {
                    ip_rules.push(edit);
                    continue;
                }
                Edit::InsertSubnetRule { .. } | Edit::RemoveSubnetRule { .. } | Edit::ReplaceSubnetRules { .. } => {
                    subnets = true;
                }
                Edit::InsertServiceTagRule { .. }
                | Edit::RemoveServiceTagRule { .. }
                | Edit::ReplaceServiceTagRules { .. } => tags = true,
                Edit::PutPrivateEndpoint { .. } | Edit::RemovePrivateEndpoint { .. } => endpoints = true,
                Edit::PutNetwork(_) | Edit::RemoveNetwork(_) | Edit::ImportServiceTags(_) | Edit::DropServiceTags => {}
            }
            after.apply(edit, &mut spare);
        }
        undo.ip_rules = match ip_rules.as_slice() {
            [] => None,
            [edit] => Some(of_ip_rules(&before.ip_rules, edit)),
            several => {
                for edit in several {
                    after.apply(edit, &mut spare);
                }
                Some(between_ip_rules(&before.ip_rules, &after.ip_rules))
            }
        };
        let records = |registry: &Registry| registry.subnet_rules.iter().map(SubnetRecord::of).collect::<Vec<_>>();
        undo.subnet_rules = subnets.then(|| ListUndo::between(records(before), &records(&after)));
        let records = |registry: &Registry| registry.service_tag_rules.iter().map(TagRecord::of).collect::<Vec<_>>();
        undo.service_tag_rules = tags.then(|| ListUndo::between(records(before), &records(&after)));
        let records =
            |registry: &Registry| registry.private_endpoints.iter().map(EndpointRecord::of).collect::<Vec<_>>();
        undo.private_endpoints = endpoints.then(|| ListUndo::between(records(before), &records(&after)));
        undo
    }
}

/// What a single edit takes does not grow with the list.
fn of_ip_rules(before: &IpRules, edit: &Edit) -> ListUndo<IpRecord, IpNet> {
    let (mut came, mut changed, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    match edit {
        Edit::InsertIpRule { rule, .. } => match before.get(&rule.prefix) {
            None => came.push(rule.prefix),
            Some(same) => changed.push(IpRecord::of(same)),
        },
        Edit::RemoveIpRule { prefix, .. } => {
            if let Some(rule) = before.get(prefix) {
                gone.push((before.ahead_of(prefix).map(|ahead| ahead.prefix), IpRecord::of(rule)));
            }
        }
        Edit::ReplaceIpRules { rules, .. } => return between_ip_rules(before, rules),
        _ => {}
    }
    ListUndo::Difference { came, changed, gone }
}

/// As [`ListUndo::between`], for lists that find their elements themselves.
fn between_ip_rules(before: &IpRules, after: &IpRules) -> ListUndo<IpRecord, IpNet> {
    let whole = || ListUndo::Whole(before.iter().map(IpRecord::of).collect());
    if before.is_empty() {
        return whole();
    }
    let came: Vec<IpNet> =
        after.iter().filter(|rule| before.get(&rule.prefix).is_none()).map(|rule| rule.prefix).collect();
    let gone = before.len() - (after.len() - came.len());
    if !is_shorter(before.len(), came.len(), gone) {
        return whole();
    }
    let stays = before.iter().filter(|rule| after.get(&rule.prefix).is_some()).map(|rule| rule.prefix);
    let stayed = after.iter().filter(|rule| before.get(&rule.prefix).is_some()).map(|rule| rule.prefix);
    if !stays.eq(stayed) {
        return whole();
    }
    let (mut changed, mut gone, mut ahead) = (Vec::new(), Vec::new(), None);
    for rule in before.iter() {
        match after.get(&rule.prefix) {
            None => gone.push((ahead, IpRecord::of(rule))),
            Some(same) if (same.action, &same.value) != (rule.action, &rule.value) => changed.push(IpRecord::of(rule)),
            Some(_) => {}
        }
        ahead = Some(rule.prefix);
    }
    ListUndo::Difference { came, changed, gone }
}

impl ServiceTagsUndo {
    fn between(before: Option<&ServiceTags>, after: Option<&ServiceTags>) -> Self {
        let Some(before) = before else { return Self::None };
        let came = after.iter().flat_map(|after| after.tags.keys()).filter(|key| !before.tags.contains_key(*key));
        let other = before.tags.iter().filter(|(key, tag)| after.and_then(|after| after.tags.get(*key)) != Some(tag));
        Self::File {
            cloud: before.cloud.clone(),
            change_number: before.change_number,
            imported: before.imported.clone(),
            came: came.cloned().collect(),
            back: other.map(|(_, tag)| ServiceTagRecord::of(tag)).collect(),
        }
    }

    fn apply(self, tags: Option<Arc<ServiceTags>>) -> Option<Arc<ServiceTags>> {
        let Self::File { cloud, change_number, imported, came, back } = self else { return None };
        let mut tags = tags.map_or_else(BTreeMap::new, |tags| Arc::unwrap_or_clone(tags).tags);
        tags.retain(|key, _| !came.contains(key));
        tags.extend(back.into_iter().map(ServiceTagRecord::into_tag).map(|tag| (tag.name.to_ascii_lowercase(), tag)));
        Some(Arc::new(ServiceTags { cloud, change_number, imported, tags }))
    }
}

/// The lists of one registry on their way back.
struct Lists {
    ip_rules: Option<Vec<IpRecord>>,
    subnet_rules: Vec<SubnetRecord>,
    service_tag_rules: Vec<TagRecord>,
    private_endpoints: Vec<EndpointRecord>,
}

impl Policy {
    /// This policy as it was before the changes that `undos` lead back from, the newest first. What they say of registries that
    /// config.toml does not name at present is left out; hit counters, which belong to the rules of today, mean nothing in it.
    #[must_use]
    pub fn before(&self, undos: impl IntoIterator<Item = Undo>) -> Self {
        let mut past = self.clone();
        let mut lists: BTreeMap<String, Lists> = BTreeMap::new();
        for undo in undos {
            past.revision = past.revision.saturating_sub(1);
            for (name, of_registry) in undo.registries {
                let Some(registry) = past.registries.get_mut(&name) else { continue };
                if let Some(settings) = of_registry.settings {
                    registry.set(settings.into());
                }
                let lists = lists.entry(name).or_insert_with(|| Lists::of(registry));
                if let Some(undo) = of_registry.ip_rules {
                    let records = || registry.ip_rules.iter().map(IpRecord::of).collect();
                    undo.apply(lists.ip_rules.get_or_insert_with(records));
                }
                if let Some(undo) = of_registry.subnet_rules {
                    undo.apply(&mut lists.subnet_rules);
                }
                if let Some(undo) = of_registry.service_tag_rules {
                    undo.apply(&mut lists.service_tag_rules);
                }
                if let Some(undo) = of_registry.private_endpoints {
                    undo.apply(&mut lists.private_endpoints);
                }
            }
            for (key, network) in undo.networks {
                match network {
                    Some(network) => past.networks.insert(key, network.into_network()),
                    None => past.networks.remove(&key),
                };
            }
            if let Some(undo) = undo.service_tags {
                past.service_tags = undo.apply(past.service_tags.take());
            }
        }
        for (name, lists) in lists {
            if let Some(registry) = past.registries.get_mut(&name) {
                lists.settle(registry);
            }
        }
        past
    }
}

impl Lists {
    fn of(registry: &Registry) -> Self {
        Self {
            ip_rules: None,
            subnet_rules: registry.subnet_rules.iter().map(SubnetRecord::of).collect(),
            service_tag_rules: registry.service_tag_rules.iter().map(TagRecord::of).collect(),
            private_endpoints: registry.private_endpoints.iter().map(EndpointRecord::of).collect(),
        }
    }

    fn settle(self, registry: &mut Registry) {
        if let Some(records) = self.ip_rules {
            registry.ip_rules = records.into_iter().map(IpRecord::into_rule).collect();
        }
        registry.subnet_rules = self.subnet_rules.into_iter().map(SubnetRecord::into_rule).collect();
        registry.service_tag_rules = self.service_tag_rules.into_iter().map(TagRecord::into_rule).collect();
        registry.private_endpoints = self.private_endpoints.into_iter().map(EndpointRecord::into_endpoint).collect();
    }
}
