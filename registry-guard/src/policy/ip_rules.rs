use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

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
/// A clone costs nothing and keeps what it saw; the first change to a list that has clones copies it.
#[derive(Clone, Default)]
pub struct IpRules(Arc<Inner>);

#[derive(Clone, Default)]
struct Inner {
    /// In order; a removed rule leaves a hole until there are more holes than rules.
    places: Vec<Option<IpRule>>,
    by_prefix: HashMap<IpNet, usize>,
}

impl IpRules {
    /// No rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// No rules, with room for `count` and some more, so that the next rule added to a long list does not move them all.
    pub fn with_capacity(count: usize) -> Self {
        const MORE: usize = 1024;
        let count = count.saturating_add(MORE);
        Self(Arc::new(Inner { places: Vec::with_capacity(count), by_prefix: HashMap::with_capacity(count) }))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.0.by_prefix.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.by_prefix.is_empty()
    }

    /// The rules in order.
    pub fn iter(&self) -> impl Iterator<Item = &IpRule> + Clone {
        self.0.places.iter().flatten()
    }

    /// The rule for exactly this prefix, which has no host bits set.
    pub fn get(&self, prefix: &IpNet) -> Option<&IpRule> {
        self.0.by_prefix.get(prefix).and_then(|place| self.0.places[*place].as_ref())
    }

    /// Puts the rule in place of the one with the same prefix, which is returned, or last.
    pub fn insert(&mut self, rule: IpRule) -> Option<IpRule> {
        let inner = Arc::make_mut(&mut self.0);
        match inner.by_prefix.entry(rule.prefix) {
            Entry::Occupied(place) => inner.places[*place.get()].replace(rule),
            Entry::Vacant(place) => {
                place.insert(inner.places.len());
                inner.places.push(Some(rule));
                None
            }
        }
    }

    /// Removes and returns the rule for exactly this prefix.
    pub fn remove(&mut self, prefix: &IpNet) -> Option<IpRule> {
        if !self.0.by_prefix.contains_key(prefix) {
            return None;
        }
        let inner = Arc::make_mut(&mut self.0);
        let place = inner.by_prefix.remove(prefix)?;
        let removed = inner.places[place].take();
        if inner.places.len() > 2 * inner.by_prefix.len() {
            inner.close_holes();
        }
        removed
    }

    /// Hands out the counter of each rule in order, to be changed.
    pub(super) fn counters_mut(&mut self) -> impl Iterator<Item = (&IpNet, &mut u32)> {
        let rules = Arc::make_mut(&mut self.0).places.iter_mut().flatten();
        rules.map(|rule| (&rule.prefix, &mut rule.counter))
    }
}

impl Inner {
    fn close_holes(&mut self) {
        self.places.retain(Option::is_some);
        for (place, rule) in self.places.iter().flatten().enumerate() {
            self.by_prefix.insert(rule.prefix, place);
        }
    }
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
        let all: Vec<IpRule> = (0..=255).map(|n| rule(&format!("203.0.113.{n}/32"))).collect();
        let mut rules: IpRules = all.iter().cloned().collect();
        for gone in all.iter().filter(|rule| rule.prefix.addr().to_string().ends_with(['1', '3', '5', '7', '9', '0'])) {
            rules.remove(&gone.prefix).unwrap();
        }
        assert!(rules.0.places.len() <= 2 * rules.len());
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
