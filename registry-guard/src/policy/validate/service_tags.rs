use std::cmp::Ordering;
use std::sync::Arc;

use crate::policy::{
    Action, Edit, Limits, Policy, PolicyError, Registry, ServiceTag, ServiceTagFile, ServiceTags, refused_source,
};

impl Policy {
    pub(super) fn import_service_tags(
        &self,
        file: &ServiceTagFile,
        at: &str,
        limits: &Limits,
    ) -> Result<Vec<Edit>, PolicyError> {
        let tags = file.checked(at)?;
        let held = self.service_tags.as_deref();
        refuse_other_cloud(&tags, held, limits)?;
        // The numbers of two clouds have nothing to do with each other.
        let held = held.filter(|held| held.cloud.eq_ignore_ascii_case(&tags.cloud));
        if held.is_some_and(|held| held.says_the_same(&tags)) {
            return Ok(Vec::new());
        }
        if let Some(held) = held {
            refuse_older(&tags, held)?;
        }
        for registry in self.registries.values() {
            self.refuse_for(registry, &tags, limits)?;
        }
        Ok(vec![Edit::ImportServiceTags(Arc::new(tags))])
    }

    /// The service tag `name`, in any case, or the error that names some like it.
    pub fn find_service_tag(&self, name: &str) -> Result<&ServiceTag, PolicyError> {
        let held = self.service_tags.as_deref();
        held.and_then(|tags| tags.tag(name)).ok_or_else(|| PolicyError::ServiceTagNotFound {
            name: name.to_owned(),
            held: held.map_or(0, |tags| tags.tags.len()),
            similar: held.map_or_else(Vec::new, |tags| similar(tags, name)),
        })
    }

    /// Refuses tags with which a rule of `registry` would deny nobody any more, or allow what no rule of it may.
    fn refuse_for(&self, registry: &Registry, tags: &ServiceTags, limits: &Limits) -> Result<(), PolicyError> {
        for rule in &registry.service_tag_rules {
            let tag = tags.tag(&rule.tag);
            match (rule.action, tag) {
                (Action::Allow, Some(tag)) => refuse_private(tag, registry, limits)?,
                (Action::Allow, None) => {}
                (Action::Deny, tag) => {
                    let becomes = match tag {
                        Some(tag) if tag.prefixes.is_empty() => "has no prefixes in this file",
                        Some(_) => continue,
                        None => "is not in this file",
                    };
                    if !self.service_tag_prefixes(&rule.tag).is_empty() {
                        let (tag, registry) = (rule.tag.clone(), registry.name.clone());
                        return Err(PolicyError::DeniedServiceTagGone { tag, becomes, registry });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Refuses a tag with private prefixes for a rule that allows, where IP rules may not name them either.
pub(super) fn refuse_private(tag: &ServiceTag, registry: &Registry, limits: &Limits) -> Result<(), PolicyError> {
    if limits.allows_private(&registry.name) {
        return Ok(());
    }
    let Some((prefix, refused)) = tag.prefixes.iter().find_map(|prefix| Some((prefix, refused_source(prefix)?))) else {
        return Ok(());
    };
    let problem = format!(
        "is {}, inside {}, and service tag {} is to be allowed at registry {}",
        refused.kind, refused.range, tag.name, registry.name
    );
    let accepted = "public addresses (or set `private-ip-rules = \"allow\"` for this registry in config.toml)";
    Err(PolicyError::invalid("addressPrefixes", prefix.to_string(), problem, accepted))
}

/// What config.toml says counts; otherwise the first file does.
fn refuse_other_cloud(tags: &ServiceTags, held: Option<&ServiceTags>, limits: &Limits) -> Result<(), PolicyError> {
    let (cloud, says) = match (&limits.service_tags_cloud, held) {
        (Some(cloud), _) => (cloud.as_str(), "`service-tags.cloud` in config.toml"),
        (None, Some(held)) => (held.cloud.as_str(), "the service tags that are held are of that cloud"),
        (None, None) => return Ok(()),
    };
    if cloud.eq_ignore_ascii_case(&tags.cloud) {
        return Ok(());
    }
    let accepted = format!("{cloud} ({says})");
    Err(do_not_follow("cloud", &tags.cloud, "is another cloud", accepted))
}

fn refuse_older(tags: &ServiceTags, held: &ServiceTags) -> Result<(), PolicyError> {
    let higher = format!("a file with a higher number than {}", held.change_number);
    let (problem, accepted) = match age(tags, held) {
        Age::Newer => return Ok(()),
        Age::OlderBy(tag) => (
            format!("is the number of an older file than what is held, which has newer prefixes of service tag {tag}"),
            "a file whose tags have numbers no lower than those that are held".to_owned(),
        ),
        Age::Older => (format!("is older than {}, which is held", held.change_number), higher),
        Age::Same => ("is held already, with other contents".to_owned(), higher),
    };
    Err(do_not_follow("changeNumber", &tags.change_number.to_string(), problem, accepted))
}

/// How a file compares with the one that is held.
enum Age<'a> {
    Newer,
    /// Its number is not lower, but a tag of it is older, and none newer.
    OlderBy(&'a str),
    Older,
    Same,
}

/// The numbers of single tags say what changed, and grow with each change. Where all of those that differ agree, they decide:
/// files that were put together from parts have a number of their own. Otherwise the number of the file does.
fn age<'a>(tags: &'a ServiceTags, held: &ServiceTags) -> Age<'a> {
    let (mut newer, mut older) = (None, None);
    for (key, tag) in &tags.tags {
        let before = held.tags.get(key).and_then(|before| before.change_number);
        match before.and_then(|before| Some(tag.change_number?.cmp(&before))) {
            Some(Ordering::Greater) => newer = Some(&tag.name),
            Some(Ordering::Less) => older = Some(&tag.name),
            Some(Ordering::Equal) | None => {}
        }
    }
    match (newer, older) {
        (Some(_), None) => Age::Newer,
        (None, Some(tag)) if tags.change_number >= held.change_number => Age::OlderBy(tag),
        _ => match tags.change_number.cmp(&held.change_number) {
            Ordering::Greater => Age::Newer,
            Ordering::Less => Age::Older,
            Ordering::Equal => Age::Same,
        },
    }
}

fn do_not_follow(field: &'static str, value: &str, problem: impl Into<String>, accepted: String) -> PolicyError {
    PolicyError::ServiceTagsDoNotFollow { field, value: value.to_owned(), problem: problem.into(), accepted }
}

/// A few tags that begin like `name`, or hold it.
fn similar(tags: &ServiceTags, name: &str) -> Vec<String> {
    const MOST: usize = 5;
    let wanted = name.to_ascii_lowercase();
    let service = wanted.split('.').next().unwrap_or_default();
    let like = |key: &str| !service.is_empty() && (key.contains(&wanted) || key.starts_with(service));
    tags.tags.iter().filter(|(key, _)| like(key)).take(MOST).map(|(_, tag)| tag.name.clone()).collect()
}
