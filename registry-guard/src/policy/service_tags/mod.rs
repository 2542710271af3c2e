//! Service tags: names of services with the public prefixes that they come from, as the owner of a cloud publishes them.

mod changes;
mod file;

use std::collections::BTreeMap;

use ipnet::IpNet;

pub use changes::{ServiceTagsChanges, TagChange};
pub use file::ServiceTagFile;

/// One published file, checked. There is one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTags {
    /// The cloud that the file is about, as it spells it.
    pub cloud: String,
    /// The number of the file, which grows with each one that is published; below 2^63.
    pub change_number: u64,
    /// When the file was imported, RFC 3339 in UTC.
    pub imported: String,
    /// By lower-case name.
    pub tags: BTreeMap<String, ServiceTag>,
}

/// One name and its prefixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTag {
    /// The name as the file spells it.
    pub name: String,
    /// How often this tag changed, if the file says so: a higher number is newer.
    pub change_number: Option<u64>,
    /// The region, empty for a tag of all regions.
    pub region: String,
    /// Whose service it is.
    pub platform: String,
    /// The service, empty where the tag is of none.
    pub system_service: String,
    /// The prefixes, sorted, each once, without host bits.
    pub prefixes: Vec<IpNet>,
}

impl ServiceTags {
    /// The tag `name`, in any case.
    pub fn tag(&self, name: &str) -> Option<&ServiceTag> {
        self.tags.get(&name.to_ascii_lowercase())
    }

    /// The prefixes of the tag `name`, in any case; none when there is no such tag.
    pub fn prefixes(&self, name: &str) -> &[IpNet] {
        self.tag(name).map_or(&[], |tag| &tag.prefixes)
    }

    /// How many prefixes there are in all tags; many are in more than one.
    pub fn prefix_count(&self) -> usize {
        self.tags.values().map(|tag| tag.prefixes.len()).sum()
    }

    /// Whether it says the same, whenever it was imported.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        (&self.cloud, self.change_number, &self.tags) == (&other.cloud, other.change_number, &other.tags)
    }
}
