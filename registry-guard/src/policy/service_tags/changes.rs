use ipnet::IpNet;

use super::ServiceTags;

/// What a file changes of the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceTagsChanges {
    /// The names of tags that were not there before.
    pub added: Vec<String>,
    /// The names of tags that are gone.
    pub removed: Vec<String>,
    /// The tags with other prefixes than before, those added and removed among them.
    pub prefixes: Vec<TagChange>,
}

/// What becomes of the prefixes of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagChange {
    /// The tag's name.
    pub name: String,
    /// The prefixes that it did not have before.
    pub added: Vec<IpNet>,
    /// The prefixes that it has no more.
    pub removed: Vec<IpNet>,
}

impl ServiceTagsChanges {
    /// From `before` to `after`, either of which may be no file at all.
    pub fn between(before: Option<&ServiceTags>, after: Option<&ServiceTags>) -> Self {
        let mut changes = Self::default();
        for (key, tag) in after.iter().flat_map(|file| &file.tags) {
            let old = before.and_then(|file| file.tags.get(key));
            if old.is_none() {
                changes.added.push(tag.name.clone());
            }
            changes.note(&tag.name, old.map_or(&[], |old| &old.prefixes), &tag.prefixes);
        }
        for (key, tag) in before.iter().flat_map(|file| &file.tags) {
            if after.is_none_or(|file| !file.tags.contains_key(key)) {
                changes.removed.push(tag.name.clone());
                changes.note(&tag.name, &tag.prefixes, &[]);
            }
        }
        changes
    }

    /// What becomes of the prefixes of the tag `name`, in any case, if anything.
    pub fn of(&self, name: &str) -> Option<&TagChange> {
        self.prefixes.iter().find(|change| change.name.eq_ignore_ascii_case(name))
    }

    fn note(&mut self, name: &str, before: &[IpNet], after: &[IpNet]) {
        let missing_in = |there: &[IpNet], here: &[IpNet]| -> Vec<IpNet> {
            here.iter().filter(|prefix| there.binary_search(prefix).is_err()).copied().collect()
        };
        let (added, removed) = (missing_in(before, after), missing_in(after, before));
        if !added.is_empty() || !removed.is_empty() {
            self.prefixes.push(TagChange { name: name.to_owned(), added, removed });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ServiceTag;

    fn tags(tags: &[(&str, &[&str])]) -> ServiceTags {
        let tag = |&(name, prefixes): &(&str, &[&str])| ServiceTag {
            name: name.to_owned(),
            change_number: None,
            region: String::new(),
            platform: String::new(),
            system_service: String::new(),
            prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
        };
        let tags = tags.iter().map(tag).map(|tag| (tag.name.to_ascii_lowercase(), tag)).collect();
        ServiceTags { cloud: "Public".to_owned(), change_number: 1, imported: String::new(), tags }
    }

    #[test]
    fn tags_and_prefixes_that_come_and_go_are_named() {
        let before =
            tags(&[("Gone", &["192.0.2.0/24"]), ("Kept", &["203.0.113.0/24"]), ("Moved", &["198.51.100.0/24"])]);
        let after =
            tags(&[("kept", &["203.0.113.0/24"]), ("Moved", &["198.51.100.0/25", "2001:db8::/48"]), ("New", &[])]);
        let changes = ServiceTagsChanges::between(Some(&before), Some(&after));
        assert_eq!(
            (changes.added.as_slice(), changes.removed.as_slice()),
            (&["New".to_owned()][..], &["Gone".to_owned()][..])
        );
        let shown: Vec<_> =
            changes.prefixes.iter().map(|it| (it.name.as_str(), it.added.len(), it.removed.len())).collect();
        assert_eq!(shown, [("Moved", 2, 1), ("Gone", 0, 1)]);
        assert_eq!(changes.of("MOVED").map(|change| change.removed[0].to_string()), Some("198.51.100.0/24".to_owned()));
        assert_eq!(changes.of("Kept"), None);
    }

    #[test]
    fn the_first_file_only_adds() {
        let first = tags(&[("One", &["192.0.2.0/24"]), ("Two", &[])]);
        let changes = ServiceTagsChanges::between(None, Some(&first));
        assert_eq!((changes.added.len(), changes.removed.len(), changes.prefixes.len()), (2, 0, 1));
    }
}
