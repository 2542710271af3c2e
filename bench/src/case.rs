//! What is compared: a filter with its rules, for packets of one shape.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::filter::{Filter, Link};
use crate::shape::Shape;
use crate::sources::Sources;

/// A filter with so many rules, installed at the end of a link.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) filter: Filter,
    pub(crate) prefixes: usize,
    pub(crate) shape: Shape,
    pub(crate) link: Rc<Link>,
}

/// Everything that is compared. Filters without rules have one link for any number of rules.
#[derive(Default)]
pub(crate) struct Cases {
    installed: HashMap<(Filter, usize, Shape), Rc<Link>>,
    pub(crate) sources: Sources,
}

impl Cases {
    /// The filter, installed if it is not yet; it tells how long that took.
    pub(crate) fn case(&mut self, filter: Filter, prefixes: usize, shape: Shape) -> Result<Case> {
        let key = (
            filter,
            if filter.has_rules() { prefixes } else { 0 },
            if matches!(filter, Filter::Bare) { Shape::V4 } else { shape },
        );
        if let Some(link) = self.installed.get(&key) {
            return Ok(Case { filter, prefixes, shape, link: Rc::clone(link) });
        }
        let rules = self.sources.rules(shape.family(), prefixes);
        let begun = Instant::now();
        let link = Link::install(filter, shape, &rules)
            .with_context(|| format!("{} with {prefixes} prefixes", filter.name()))?;
        eprintln!(
            "{} for {}, {} prefixes: installed in {:.1} s",
            filter.name(),
            shape.name(),
            key.1,
            begun.elapsed().as_secs_f32()
        );
        let link = Rc::new(link);
        self.installed.insert(key, Rc::clone(&link));
        Ok(Case { filter, prefixes, shape, link })
    }
}
