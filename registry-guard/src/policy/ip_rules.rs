use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;
use hashbrown::hash_table::{Entry, HashTable};
use ipnet::IpNet;

use super::Action;

/// A rule for public sources inside one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpRule {
    /// The address or prefix as the user spelled it.
    pub value: String,
    /// What `value` means: canonical, no host bits set. A single address is a prefix of full length.
    pub prefix: IpNet,
    /// What happens to connections from there.
    pub action: Action,
    /// The rule's index among the kernel's hit counters.
    pub counter: u32,
}

/// The IP rules of one registry, in the order they were added, at most one for a prefix.
///
/// A clone costs nothing and keeps what it saw; a change to a list that has clones copies what is near it, whatever the length.
#[derive(Clone, Default)]
pub struct IpRules(Arc<Inner>);

/// Rules that are copied together.
const CHUNK: usize = 1024;
/// Parts of the index, each of which is copied as a whole.
const PARTS: usize = 64;

#[derive(Clone)]
struct Inner {
    /// Full but for the last. In order; a removed rule leaves a hole until there are more holes than rules.
    chunks: Vec<Arc<Vec<Option<IpRule>>>>,
    /// The places of the rules, by the hash of their prefixes.
    index: Vec<Arc<HashTable<u32>>>,
    hasher: DefaultHashBuilder,
    count: usize,
}

impl Default for Inner {
    fn default() -> Self {
        Self { chunks: Vec::new(), index: vec![Arc::default(); PARTS], hasher: DefaultHashBuilder::default(), count: 0 }
    }
}

impl IpRules {
    /// No rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// No rules, with room for `count`.
    pub fn with_capacity(count: usize) -> Self {
        // The parts are not filled evenly.
        let part = count / PARTS + count / PARTS / 8;
        let index = (0..PARTS).map(|_| Arc::new(HashTable::with_capacity(part))).collect();
        Self(Arc::new(Inner { index, ..Inner::default() }))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.0.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &IpRule> + Clone {
        self.0.chunks.iter().flat_map(|chunk| chunk.iter().flatten())
    }

    /// The rule for exactly this prefix, which has no host bits set.
    pub fn get(&self, prefix: &IpNet) -> Option<&IpRule> {
        let Inner { chunks, index, hasher, .. } = &*self.0;
        let hash = hasher.hash_one(prefix);
        let place = index[part(hash)].find(hash, |place| is_for(chunks, *place, prefix))?;
        at(chunks, *place)
    }

    /// The rule that stands before the one for exactly this prefix.
    pub(super) fn ahead_of(&self, prefix: &IpNet) -> Option<&IpRule> {
        let Inner { chunks, index, hasher, .. } = &*self.0;
        let hash = hasher.hash_one(prefix);
        let place = *index[part(hash)].find(hash, |place| is_for(chunks, *place, prefix))?;
        (0..place).rev().find_map(|place| at(chunks, place))
    }

    /// Puts the rule in place of the one with the same prefix, which is returned, or last.
    pub fn insert(&mut self, rule: IpRule) -> Option<IpRule> {
        let Inner { chunks, index, hasher, count } = Arc::make_mut(&mut self.0);
        let hash = hasher.hash_one(rule.prefix);
        let places = Arc::make_mut(&mut index[part(hash)]);
        let same = |place: &u32| is_for(chunks, *place, &rule.prefix);
        match places.entry(hash, same, |place| rehash(chunks, hasher, *place)) {
            Entry::Occupied(place) => slot(chunks, *place.get())?.replace(rule),
            Entry::Vacant(place) => {
                place.insert(push(chunks, rule));
                *count += 1;
                None
            }
        }
    }

    /// Removes and returns the rule for exactly this prefix.
    pub fn remove(&mut self, prefix: &IpNet) -> Option<IpRule> {
        self.get(prefix)?;
        let inner = Arc::make_mut(&mut self.0);
        let Inner { chunks, index, hasher, count } = inner;
        let hash = hasher.hash_one(prefix);
        let found = Arc::make_mut(&mut index[part(hash)]).find_entry(hash, |place| is_for(chunks, *place, prefix));
        let (place, _) = found.ok()?.remove();
        let removed = slot(chunks, place)?.take();
        *count -= 1;
        if chunks.len() * CHUNK > 2 * *count + CHUNK {
            self.close_holes();
        }
        removed
    }

    fn close_holes(&mut self) {
        let mut closed = Self::with_capacity(self.len());
        for rule in self.iter() {
            closed.insert(rule.clone());
        }
        *self = closed;
    }

    /// Hands out the counter of each rule in order, to be changed.
    pub(super) fn counters_mut(&mut self) -> impl Iterator<Item = (&IpNet, &mut u32)> {
        let chunks = &mut Arc::make_mut(&mut self.0).chunks;
        let rules = chunks.iter_mut().flat_map(|chunk| Arc::make_mut(chunk).iter_mut().flatten());
        rules.map(|rule| (&rule.prefix, &mut rule.counter))
    }
}

/// Which part of the index a hash is in: by bits that a table neither finds its bucket by nor compares.
const fn part(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

fn at(chunks: &[Arc<Vec<Option<IpRule>>>], place: u32) -> Option<&IpRule> {
    chunks.get(place as usize / CHUNK)?.get(place as usize % CHUNK)?.as_ref()
}

fn slot(chunks: &mut [Arc<Vec<Option<IpRule>>>], place: u32) -> Option<&mut Option<IpRule>> {
    Arc::make_mut(chunks.get_mut(place as usize / CHUNK)?).get_mut(place as usize % CHUNK)
}

fn is_for(chunks: &[Arc<Vec<Option<IpRule>>>], place: u32, prefix: &IpNet) -> bool {
    at(chunks, place).is_some_and(|rule| rule.prefix == *prefix)
}

fn rehash(chunks: &[Arc<Vec<Option<IpRule>>>], hasher: &DefaultHashBuilder, place: u32) -> u64 {
    at(chunks, place).map_or(0, |rule| hasher.hash_one(rule.prefix))
}

/// Puts a rule last, and says where that is.
#[expect(
    clippy::cast_possible_truncation,
    reason = "holes included there are at most some 2^25 places (`limits.rules`)"
)]
fn push(chunks: &mut Vec<Arc<Vec<Option<IpRule>>>>, rule: IpRule) -> u32 {
    if chunks.last().is_none_or(|last| last.len() == CHUNK) {
        chunks.push(Arc::default());
    }
    let before = chunks.len() - 1;
    let last = Arc::make_mut(&mut chunks[before]);
    last.push(Some(rule));
    (before * CHUNK + last.len() - 1) as u32
}

impl FromIterator<IpRule> for IpRules {
    fn from_iter<I: IntoIterator<Item = IpRule>>(rules: I) -> Self {
        let rules = rules.into_iter();
        let mut all = Self::with_capacity(rules.size_hint().0);
        for rule in rules {
            all.insert(rule);
        }
        all
    }
}

impl PartialEq for IpRules {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl Eq for IpRules {}

impl fmt::Debug for IpRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str) -> IpRule {
        IpRule { value: prefix.to_owned(), prefix: prefix.parse().unwrap(), action: Action::Allow, counter: 0 }
    }

    fn spelled(rules: &IpRules) -> Vec<&str> {
        rules.iter().map(|rule| rule.value.as_str()).collect()
    }

    #[test]
    fn rules_keep_the_order_they_came_in() {
        let mut rules: IpRules = ["203.0.113.0/24", "192.0.2.0/24", "2001:db8::/32"].map(rule).into_iter().collect();
        rules.remove(&"192.0.2.0/24".parse().unwrap()).unwrap();
        rules.insert(rule("192.0.2.0/24"));
        assert_eq!(spelled(&rules), ["203.0.113.0/24", "2001:db8::/32", "192.0.2.0/24"]);
    }

    #[test]
    fn a_rule_for_the_same_prefix_takes_the_place_of_the_first() {
        let mut rules: IpRules = ["203.0.113.0/24", "192.0.2.0/24"].map(rule).into_iter().collect();
        let denied = IpRule { action: Action::Deny, ..rule("203.0.113.0/24") };
        assert_eq!(rules.insert(denied).unwrap().action, Action::Allow);
        assert_eq!(spelled(&rules), ["203.0.113.0/24", "192.0.2.0/24"]);
        assert_eq!(rules.iter().next().unwrap().action, Action::Deny);
    }

    #[test]
    fn holes_are_closed_and_every_rule_is_still_found() {
        let all: Vec<IpRule> = (0..4096).map(|n| rule(&format!("203.0.{}.{}/32", n / 256, n % 256))).collect();
        let mut rules: IpRules = all.iter().cloned().collect();
        let seen = rules.clone();
        for gone in all.iter().enumerate().filter(|(n, _)| n % 4 != 0).map(|(_, rule)| rule) {
            rules.remove(&gone.prefix).unwrap();
        }
        assert_eq!((seen.len(), rules.len()), (4096, 1024));
        assert!(seen.iter().eq(&all));
        assert!(rules.0.chunks.len() * CHUNK <= 2 * rules.len() + CHUNK);
        let left: Vec<&IpRule> = rules.iter().collect();
        assert_eq!(left.len(), rules.len());
        assert!(left.iter().all(|rule| rules.get(&rule.prefix) == Some(rule)));
        assert!(left.is_sorted_by_key(|rule| rule.prefix));
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let mut rules: IpRules = [rule("203.0.113.0/24")].into_iter().collect();
        let seen = rules.clone();
        rules.insert(rule("192.0.2.0/24"));
        assert_eq!((seen.len(), rules.len()), (1, 2));
        assert_ne!(seen, rules);
    }

    #[test]
    fn removing_what_is_not_there_changes_nothing() {
        let mut rules: IpRules = [rule("203.0.113.0/24")].into_iter().collect();
        assert_eq!(rules.remove(&"203.0.113.0/25".parse().unwrap()), None);
        assert_eq!(rules.len(), 1);
    }
}
