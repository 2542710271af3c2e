//! `cargo xtask mutants`: seeded bugs, each of which a named test must catch.

mod list;
mod scratch;
mod trial;

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Result, ensure};

use self::{
    list::{Mutant, Test},
    scratch::Scratch,
    trial::{Outcome, Trial},
};
use crate::{setup, workspace};

/// Which bugs to seed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only those whose description or test contains this text, as in `cargo xtask mutants vxlan`
    only: Option<String>,
}

/// Seeds each bug in a copy of the workspace, and says which were caught.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mutants = chosen(arguments.only.as_deref())?;
    setup::run_as_root("some of the tests load BPF programs", "mutants")?;
    let started = Instant::now();
    let folder = workspace::target_dir()?.join("mutants");
    let scratch = Scratch::fresh(&folder.join("workspace"))?;
    let trial = Trial::new(&scratch, &folder)?;
    for test in mutants.iter().map(|mutant| &mutant.caught_by).collect::<BTreeSet<_>>() {
        let outcome = trial.run(test, "unmutated")?;
        ensure!(outcome == Outcome::Passed, "without any bug, `{test}` {outcome}");
    }
    println!("mutants: every named test passes without a bug, after {:.0} s", started.elapsed().as_secs_f32());
    let mut caught = 0;
    for (number, mutant) in mutants.iter().enumerate() {
        let started = Instant::now();
        let outcome = scratch.with(mutant, || trial.run(&mutant.caught_by, &format!("{:02}", number + 1)))?;
        caught += usize::from(outcome == Outcome::Failed);
        let verdict = if outcome == Outcome::Failed { "caught".to_owned() } else { format!("NOT CAUGHT: {outcome}") };
        let seconds = started.elapsed().as_secs_f32();
        println!("{verdict}: {}: {} ({seconds:.0} s)", mutant.bug, mutant.caught_by);
    }
    println!("what each test said stands in {}", folder.display());
    println!("mutants: {caught} of {} caught in {:.0} s", mutants.len(), started.elapsed().as_secs_f32());
    ensure!(caught == mutants.len(), "{} bugs were not caught", mutants.len() - caught);
    Ok(())
}

/// Those of one package after another, so that each build is mostly that of the one before.
fn chosen(only: Option<&str>) -> Result<Vec<Mutant>> {
    let mut mutants = list::read()?;
    if let Some(text) = only {
        mutants.retain(|mutant| mutant.bug.contains(text) || mutant.caught_by.to_string().contains(text));
        ensure!(!mutants.is_empty(), "no bug or test contains `{text}`; xtask/mutants.toml lists all");
    }
    mutants.sort_by(|one, other| Test::binary(&one.caught_by).cmp(&Test::binary(&other.caught_by)));
    Ok(mutants)
}
