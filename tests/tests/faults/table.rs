//! The list of faults, and what became of each.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::catch_unwind;

use anyhow::{Result, anyhow, bail};

use crate::scene::Stood;

/// SYNs that a sender must reach in a second for a fault to count as staged.
pub(crate) const RATE: u64 = 100_000;
/// A flood that was too slow is tried so often: the machine may have had something else to do.
const ATTEMPTS: u32 = 3;

pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) shown: Shown,
}

/// How a fault is shown to do no harm.
#[derive(Clone, Copy)]
pub(crate) enum Shown {
    /// It is staged under a flood.
    Here(fn() -> Result<Outcome>),
    /// By another test, without a flood, or by no test; why.
    Elsewhere(&'static str),
}

pub(crate) enum Outcome {
    Stood(Stood),
    NotStaged(&'static str),
}

/// Stages each, and prints a table. Returns those that failed.
pub(crate) fn stage<'a>(faults: impl Iterator<Item = &'a Fault>) -> Vec<String> {
    let (mut table, mut failed) = (String::new(), Vec::new());
    for Fault { name, what, shown } in faults {
        let row = match shown {
            Shown::Elsewhere(where_or_why) => format!("not here: {where_or_why}"),
            Shown::Here(stage) => match stage_fast_enough(*stage) {
                Ok(Outcome::NotStaged(why)) => format!("not staged: {why}"),
                Ok(Outcome::Stood(stood)) => row(&stood),
                Err(problem) => {
                    failed.push(format!("{name} {what}: {problem:#}"));
                    format!("FAILED: {problem:#}")
                }
            },
        };
        say(&format!("{name:<4}{what}: {row}\n"));
        _ = writeln!(table, "{name:<4}{what:<44}{row}");
    }
    say(&format!("\n{table}\n"));
    failed
}

fn row(stood: &Stood) -> String {
    let Stood { rate, allowed, denied } = stood;
    format!(
        "staged  {:>4},000 SYNs/s  0 of {} denied served  {} of {} allowed served",
        rate / 1000,
        denied.failed(),
        allowed.connected,
        allowed.connected + allowed.failed()
    )
}

fn stage_fast_enough(stage: fn() -> Result<Outcome>) -> Result<Outcome> {
    let mut slow = Vec::new();
    for _ in 0..ATTEMPTS {
        // One that panics keeps the others from nothing.
        let staged = catch_unwind(stage).unwrap_or_else(|_| Err(anyhow!("it panicked, as was printed")));
        match staged? {
            Outcome::Stood(stood) if stood.rate < RATE => slow.push(stood.rate),
            outcome => return Ok(outcome),
        }
    }
    bail!("the floods reached only {slow:?} SYNs a second")
}

/// Whoever runs the tests sees it: libtest keeps what `println!` prints to itself.
fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
