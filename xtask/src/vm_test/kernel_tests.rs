//! Integration tests as plain programs, on a kernel of Debian's.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Result, ensure};

use super::{
    machine::{self, Computer},
    payload,
};
use crate::test_tally::TestTally;

/// What runs on each kernel: the corpus, how near the programs are to the verifier's limit, Linux as the oracle of what is a
/// connection, what outlives the agent, and what only a machine of its own can show.
pub(super) const TESTS: [&str; 5] = ["corpus", "verifier", "bypass", "lifecycle", OWN_MACHINE];
/// Its tests change the machine, so they run last, and in their order.
const OWN_MACHINE: &str = "own_machine";
/// Of `lifecycle`, which takes long in software, only what depends on the kernel.
const OF_LIFECYCLE: [&str; 3] = ["a_stopped_or_killed_agent", "goes_and_comes_back", "generic"];
/// How long one of them may take on real hardware.
const LIMIT: Duration = Duration::from_mins(2);
/// What an agent on a kernel that is too old says.
const NEEDS_NEWER: &str = "registry-guard needs 5.18 or later";

/// Runs them, or sees the product refuse where the kernel is too old for it.
pub(super) fn run(computer: &Computer<'_>) -> Result<String> {
    let disk = computer.new_disk("corpus")?;
    let mut machine = computer.boot("corpus", &machine::lasting(&disk), &[])?;
    let mut said = format!("booted in {} s", machine.booted_in.as_secs());
    let mut failed = Vec::new();
    for test in TESTS {
        let mut tally = TestTally::default();
        let mut refusals = 0;
        let program = format!("{}/{test}", payload::FOLDER);
        let mut words = vec!["env", "OWN_MACHINE=1", &*program, "--show-output"];
        // Two at a time: a machine has two processors, and one in software is slow.
        words.push(if test == OWN_MACHINE { "--test-threads=1" } else { "--test-threads=2" });
        if test == "lifecycle" {
            words.extend(OF_LIFECYCLE);
        }
        let code = machine.run(&words, LIMIT, |line| {
            refusals += usize::from(line.contains(NEEDS_NEWER));
            if tally.read(line) {
                println!("  {}: {line}", computer.kernel.release);
            }
        })?;
        if computer.kernel.debian.is_too_old() {
            ensure!(refusals > 0 && tally.failed > 0, "{test} ended with {code}, and the product refused nothing");
            machine.shut_down(LIMIT)?;
            machine::remove(&disk)?;
            return Ok(format!("{said}; too old, and the product says so: {NEEDS_NEWER}"));
        }
        for figure in &tally.figures {
            write!(said, "; {figure}")?;
        }
        write!(said, "; {test} {} passed", tally.passed())?;
        if tally.failed > 0 {
            write!(said, ", {} failed", tally.failed)?;
        }
        for skipped in &tally.skipped {
            write!(said, ", skipped {skipped}")?;
        }
        if code != 0 {
            failed.push(test);
        }
    }
    machine.shut_down(LIMIT)?;
    machine::remove(&disk)?;
    ensure!(failed.is_empty(), "{}: {said}", failed.join(", "));
    Ok(said)
}
