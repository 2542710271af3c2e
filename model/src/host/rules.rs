use std::rc::Rc;

use registry_guard_common::{
    Entry, FRONT_HEAD_WORDS, FrontHeader, FrontNodes, FrontWords, Reason, RuleKey, RuleTable, may_cover,
};

use super::Row;

/// The rules of one registry: all rows, and perhaps the words of a front for them.
#[derive(Clone)]
pub struct Rules(Rc<Inner>);

struct Inner {
    rows: Vec<Row>,
    front: Option<Vec<u64>>,
}

impl Rules {
    /// These rows in any order, behind a front if there is one.
    pub fn new(mut rows: Vec<Row>, front: Option<Vec<u64>>) -> Self {
        // The longest first, so that the first that covers is it.
        rows.sort_by_key(|(bits, ..)| std::cmp::Reverse(*bits));
        let front = front.filter(|words| words.len() >= FRONT_HEAD_WORDS as usize);
        Self(Rc::new(Inner { rows, front }))
    }
}

impl RuleTable for Rules {
    fn may_cover(&self, key: &RuleKey) -> bool {
        let Some(words) = &self.0.front else { return true };
        may_cover(&Words(words), key)
    }

    fn uncovered(&self) -> Reason {
        self.0.front.as_ref().map_or(Reason::NoRule, |words| FrontHeader::from_word(words[0]).uncovered())
    }

    fn longest(&self, key: &RuleKey, bits: u32) -> Option<Entry> {
        let covers = |(length, prefix, _): &&Row| *length <= bits && key.starts_with(prefix, *length);
        self.0.rows.iter().find(covers).map(|(.., entry)| *entry)
    }
}

#[derive(Clone, Copy)]
struct Words<'a>(&'a [u64]);

impl FrontNodes for Words<'_> {
    fn word(&self, index: u32) -> Option<u64> {
        Some(self.0.get(index as usize).copied().unwrap_or(0))
    }
}

impl FrontWords for Words<'_> {
    fn head(&self, index: u32) -> u64 {
        self.word(index).unwrap_or(0)
    }

    type Nodes = Self;

    fn nodes(&self) -> Option<Self> {
        Some(*self)
    }
}
