//! What is changed: the rules of one registry, each a number.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;

/// The rules, by number.
pub(super) type Rules = BTreeSet<u16>;

/// Numbers of rules.
const NUMBERS: std::ops::RangeInclusive<u16> = 1..=2000;
/// The longest list that is written as a whole.
const LONGEST: usize = 800;

/// One change, and the rules after it.
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) after: Rules,
}

/// How it is made.
pub(super) enum Kind {
    /// One rule more.
    Add(u16),
    /// One rule less.
    Remove(u16),
    /// All rules at once.
    Replace,
}

impl Change {
    /// What a reader calls it.
    pub(super) fn name(&self) -> String {
        match self.kind {
            Kind::Add(number) => format!("add {}", prefix(number)),
            Kind::Remove(number) => format!("remove {}", prefix(number)),
            Kind::Replace => format!("{} rules for all", self.after.len()),
        }
    }
}

/// Another change.
pub(super) fn next(rules: &Rules, random: &mut StdRng) -> Change {
    let mut after = rules.clone();
    let kind = match random.random_range(0..10) {
        0..3 => {
            let count = random.random_range(0..LONGEST);
            after = NUMBERS.choose_multiple(random, count).into_iter().collect();
            Kind::Replace
        }
        3..6 if !rules.is_empty() => {
            let number = rules.iter().copied().choose(random).unwrap_or_default();
            after.remove(&number);
            Kind::Remove(number)
        }
        _ => {
            let number = random.random_range(NUMBERS);
            after.insert(number);
            Kind::Add(number)
        }
    };
    Change { kind, after }
}

/// The prefix of a rule.
pub(super) fn prefix(number: u16) -> String {
    format!("2001:db8:{number:x}::/48")
}

/// An address that the rule is about.
pub(super) fn source(number: u16) -> String {
    format!("2001:db8:{number:x}::7")
}

/// The number of the rule with this prefix.
pub(super) fn number(prefix: &str) -> Option<u16> {
    let digits = prefix.strip_prefix("2001:db8:")?.strip_suffix("::/48")?;
    u16::from_str_radix(digits, 16).ok()
}

/// Rules that are there and rules that are not, enough to see what the kernel makes of them.
pub(super) fn samples(rules: &Rules) -> Vec<u16> {
    let others = NUMBERS.filter(|number| !rules.contains(number));
    let every = |count: usize| count.div_ceil(20).max(1);
    let there = rules.iter().copied().step_by(every(rules.len()));
    there.chain(others.step_by(every(NUMBERS.len()))).collect()
}

/// A list as the API takes it.
pub(super) fn list(rules: &Rules) -> String {
    let mut text = String::from(r#"{"properties": {"networkRuleSet": {"ipRules": ["#);
    for (place, number) in rules.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        // Writing into a string cannot fail.
        _ = write!(text, r#"{comma}{{"value": "{}"}}"#, prefix(*number));
    }
    text + "]}}}"
}
