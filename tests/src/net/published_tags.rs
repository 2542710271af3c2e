use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// A file of service tags as a cloud publishes it, with prefixes that RFC 2544 and RFC 3849 keep for tests and documentation.
#[derive(Clone, Debug)]
#[must_use]
pub struct PublishedTags {
    change_number: u64,
    cloud: &'static str,
    tags: Vec<(String, Vec<String>)>,
}

impl PublishedTags {
    /// The tag of a large file that has by far the most prefixes.
    pub const LARGEST: &str = "Cloud.Everywhere";
    /// How many prefixes a large file gives it.
    pub const LARGEST_HAS: usize = 15_000;
    /// How many tags a large file has.
    pub const TAGS: usize = 3_000;
    /// How many prefixes a large file has.
    pub const PREFIXES: usize = 100_000;

    /// A file without tags.
    pub fn of(cloud: &'static str, change_number: u64) -> Self {
        Self { change_number, cloud, tags: Vec::new() }
    }

    /// A file as large as real ones are, some of whose prefixes are another's where `change_number` is. The prefixes of
    /// clients are in none of its tags.
    pub fn large(change_number: u64) -> Self {
        let mut file = Self::of("Public", change_number);
        let rest = Self::PREFIXES - Self::LARGEST_HAS;
        let others = Self::TAGS - 1;
        let mut next = 0;
        let mut take = |count: usize| -> Vec<String> {
            let taken = (next..next + count).map(|number| prefix(number, change_number)).collect();
            next += count;
            taken
        };
        file.tags.push((Self::LARGEST.to_owned(), take(Self::LARGEST_HAS)));
        for number in 0..others {
            let count = rest / others + usize::from(number < rest % others);
            file.tags.push((format!("Service{number}.Somewhere"), take(count)));
        }
        file
    }

    /// A tag has these prefixes, in place of as many of those that it has.
    pub fn with(mut self, tag: &str, prefixes: &[&str]) -> Self {
        let prefixes = prefixes.iter().map(ToString::to_string);
        match self.tags.iter_mut().find(|(name, _)| name == tag) {
            Some((_, before)) => {
                let kept = before.len().saturating_sub(prefixes.len());
                before.splice(kept.., prefixes);
            }
            None => self.tags.push((tag.to_owned(), prefixes.collect())),
        }
        self
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let tag = |(name, prefixes): &(String, Vec<String>)| -> Value {
            json!({"name": name, "id": name, "properties": {"changeNumber": self.change_number, "region": "", "regionId": 0,
                "platform": "Azure", "systemService": "", "addressPrefixes": prefixes, "networkFeatures": null}})
        };
        let values: Vec<Value> = self.tags.iter().map(tag).collect();
        json!({"changeNumber": self.change_number, "cloud": self.cloud, "values": values}).to_string()
    }

    /// Writes the file in one step, as those do who download it beside and rename it.
    pub fn write(&self, path: &Path) -> Result<()> {
        let draft = path.with_extension("part");
        fs::write(&draft, self.text()).with_context(|| format!("writing {}", draft.display()))?;
        fs::rename(&draft, path).with_context(|| format!("renaming to {}", path.display()))
    }
}

/// Each number is another prefix; every tenth is another one in each file. A third is IPv6.
fn prefix(number: usize, change_number: u64) -> String {
    let number = number as u64;
    let moved = if number.is_multiple_of(10) { change_number % 2 } else { 0 };
    if number.is_multiple_of(3) {
        let bits = (0x2001_0db8_8000 << 80) | u128::from(number * 2 + moved) << 48;
        return format!("{}/80", Ipv6Addr::from(bits));
    }
    // 198.18.0.0/15, in pairs of addresses.
    let first = 0xc612_0000 + u32::try_from(number * 2 + moved).unwrap_or(u32::MAX) % 0x0001_ffff;
    format!("{}/32", Ipv4Addr::from(first))
}
