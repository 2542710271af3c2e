//! Everything that was measured.

use crate::aim::Aim;
use crate::figure::Figures;
use crate::filter::Filter;
use crate::program_time::{Judged, NotGuarded};
use crate::shape::Shape;
use crate::updates::Updates;
use crate::{receiver_cpu, traffic};

/// What the parts gave; empty where one was left out.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) judged: Vec<Judged>,
    pub(crate) not_guarded: Vec<NotGuarded>,
    /// Other filters that could not be measured, and why.
    pub(crate) left_out: Vec<String>,
    pub(crate) receiver: Vec<receiver_cpu::Row>,
    pub(crate) traffic: Vec<traffic::Row>,
    pub(crate) updates: Option<Updates>,
}

impl Results {
    /// Receiver CPU over that of the floor.
    pub(crate) fn ratio(&self, filter: Filter, prefixes: usize, shape: Shape, aim: Aim) -> Option<&Figures> {
        let same = |row: &&receiver_cpu::Row| {
            let case = &row.case;
            (case.filter, case.prefixes, case.shape, row.aim) == (filter, prefixes, shape, aim)
        };
        self.receiver.iter().find(same).map(|row| &row.ratio)
    }
}
