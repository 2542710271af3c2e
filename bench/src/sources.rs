//! Where the packets of a measurement come from, ready to be written into the kernel.

use std::collections::HashMap;
use std::rc::Rc;

use crate::aim::Aim;
use crate::rule_set::RuleSet;
use crate::shape::{Family, Shape};
use crate::source_map::{self, Values};

/// Rule sets and addresses, each made once.
#[derive(Default)]
pub(crate) struct Sources {
    rules: HashMap<(Family, usize), Rc<RuleSet>>,
    values: HashMap<(Shape, usize, Aim), Rc<Values>>,
}

impl Sources {
    /// The rules of a family, of which there are `count`.
    pub(crate) fn rules(&mut self, family: Family, count: usize) -> Rc<RuleSet> {
        Rc::clone(self.rules.entry((family, count)).or_insert_with(|| Rc::new(RuleSet::new(family, count))))
    }

    /// Addresses for packets of this shape, aimed at so many rules.
    pub(crate) fn values(&mut self, shape: Shape, count: usize, aim: Aim) -> Rc<Values> {
        let rules = self.rules(shape.family(), count);
        let make = || Rc::new(Values::new(shape, &aim.addresses(&rules, source_map::COUNT)));
        Rc::clone(self.values.entry((shape, count, aim)).or_insert_with(make))
    }
}
