//! What to measure, and how long.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures what registry-guard costs, beside other filters, and says which of its bounds hold
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Few rounds and only 100 and 1,000,000 prefixes: for trying something, not for telling others
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
    /// Only these kinds of packets
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) shape: Vec<crate::shape::Shape>,
    /// Only so many prefixes
    #[arg(long, value_delimiter = ',')]
    pub(crate) prefixes: Vec<usize>,
    /// Without other filters
    #[arg(long)]
    pub(crate) no_peers: bool,
    /// How often each figure is measured
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// Where results are written
    #[arg(long, default_value = "target/bench")]
    pub(crate) output: PathBuf,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// CPU time of the receiver for each denied SYN
    Receiver,
    /// Time of the programs alone
    Program,
    /// What allowed clients notice
    Traffic,
    /// Loading and changing rules at 1,000,000, memory
    Updates,
}

impl Options {
    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    pub(crate) fn shapes(&self) -> Vec<crate::shape::Shape> {
        if self.shape.is_empty() { crate::shape::Shape::ALL.to_vec() } else { self.shape.clone() }
    }

    pub(crate) fn sizes(&self) -> Vec<usize> {
        match (self.prefixes.is_empty(), self.quick) {
            (false, _) => self.prefixes.clone(),
            (true, true) => vec![100, 1_000_000],
            (true, false) => vec![1, 100, 10_000, 100_000, 1_000_000],
        }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 7 })
    }
}
