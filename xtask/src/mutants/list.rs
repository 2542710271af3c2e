//! The list of bugs, and whether it still fits the sources.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

const LIST: &str = include_str!("../../mutants.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

/// One bug: a piece of text that stands once in a file, and what takes its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// What is wrong then.
    pub(super) bug: String,
    /// From the workspace's folder.
    pub(super) file: String,
    old: String,
    new: String,
    /// The test that must fail.
    pub(super) caught_by: Test,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub(super) package: String,
    /// The integration test that it stands in; a unit test stands in none.
    pub(super) file: Option<String>,
    /// With its modules, as libtest prints it.
    pub(super) name: String,
}

impl Test {
    /// The test binary that it is in.
    pub(super) fn binary(&self) -> (&str, Option<&str>) {
        (&self.package, self.file.as_deref())
    }
}

impl Display for Test {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.package, self.name)
    }
}

impl Mutant {
    /// The text of its file with the bug in it.
    pub(super) fn apply(&self, text: &str) -> Result<String> {
        ensure!(self.old != self.new, "{}: nothing changes", self.bug);
        let times = text.matches(&self.old).count();
        ensure!(times == 1, "{}: `{}` stands {times} times in {}, not once", self.bug, self.old, self.file);
        Ok(text.replace(&self.old, &self.new))
    }
}

/// Every bug.
pub(super) fn read() -> Result<Vec<Mutant>> {
    let list: List = toml::from_str(LIST).context("reading xtask/mutants.toml")?;
    Ok(list.mutant)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;
    use crate::workspace;

    #[test]
    fn every_seeded_bug_still_fits_its_file_exactly_once() {
        let mutants = read().expect("a list");
        assert!(mutants.len() >= 40, "{} bugs", mutants.len());
        for mutant in &mutants {
            let text = fs::read_to_string(workspace::root().join(&mutant.file)).expect("a file");
            mutant.apply(&text).expect("a bug that can be seeded");
        }
        let names: BTreeSet<_> = mutants.iter().map(|mutant| &mutant.bug).collect();
        assert_eq!(names.len(), mutants.len(), "two bugs have one description");
    }
}
