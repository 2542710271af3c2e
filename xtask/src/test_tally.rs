//! What libtest says, line by line, counted.

/// How a test that cannot run on this machine begins the line that says why.
const SKIPPED: &str = "SKIPPED: ";
/// How a test begins a line about something that it leaves out, and why.
const NOT_TRIED: &str = "NOT TRIED: ";

/// How a test begins a line about what it saw that a reader wants to know although it passed.
const FIGURE: &str = "FIGURE: ";

/// The counts of all test binaries of a run that shows the output of passing tests (`--show-output`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestTally {
    /// Tests that ended well, the skipped ones included.
    ended_well: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests that libtest was told to leave out.
    pub(crate) ignored: usize,
    /// The tests that ran nothing, each as `name: why`.
    pub(crate) skipped: Vec<String>,
    /// What tests that ran left out, each as `what: why`.
    pub(crate) not_tried: Vec<String>,
    /// What tests that passed saw.
    pub(crate) figures: Vec<String>,
    /// Whose output is being read.
    section: Section,
}

/// The parts of libtest's report.
#[derive(Debug, Default, PartialEq, Eq)]
enum Section {
    /// The tests as they end.
    #[default]
    Progress,
    /// The output of tests that passed; the name is known once its header was read.
    Successes { test: Option<String> },
    /// The output of tests that failed.
    Failures,
}

impl TestTally {
    /// Counts a line, and says whether a reader wants to see it: the output of passing tests is left out.
    pub(crate) fn read(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.section = Section::Successes { test: None },
            "failures:" => self.section = Section::Failures,
            _ if line.starts_with("test result: ") => {
                self.section = Section::Progress;
                self.count(line);
            }
            _ => self.read_output(line),
        }
        !matches!(self.section, Section::Successes { .. })
    }

    /// Tests that did what they say.
    pub(crate) fn passed(&self) -> usize {
        self.ended_well.saturating_sub(self.skipped.len())
    }

    /// Reads a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; ...`.
    fn count(&mut self, line: &str) {
        let words: Vec<&str> = line.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<usize>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.ended_well += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn read_output(&mut self, line: &str) {
        let Section::Successes { test } = &mut self.section else {
            return;
        };
        if let Some(what) = line.strip_prefix(NOT_TRIED) {
            self.not_tried.push(what.to_owned());
        } else if let Some(figure) = line.strip_prefix(FIGURE) {
            self.figures.push(figure.to_owned());
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            *test = Some(name.to_owned());
        } else if let Some(why) = line.strip_prefix(SKIPPED)
            // A test is skipped once, however often it says so.
            && let Some(name) = test.take()
        {
            self.skipped.push(format!("{name}: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TestTally;

    const REPORT: &str = "running 4 tests
test swap ... ok
test vxlan ... ok
test reset ... FAILED
test slow ... ignored

successes:

---- vxlan stdout ----
looking for a device
FIGURE: 3 devices
NOT TRIED: page.md:7: 2 commands: they need a network
SKIPPED: this kernel has no vxlan
SKIPPED: this kernel has no vxlan

successes:
    swap
    vxlan

failures:

---- reset stdout ----
SKIPPED: not really, it failed

failures:
    reset

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.50s
";

    fn tally(report: &str) -> (TestTally, Vec<&str>) {
        let mut tally = TestTally::default();
        let shown = report.lines().filter(|line| tally.read(line)).collect();
        (tally, shown)
    }

    #[test]
    fn a_skipped_test_is_not_a_passed_one() {
        let (tally, _) = tally(REPORT);
        assert_eq!((tally.passed(), tally.failed, tally.ignored), (1, 1, 1));
        assert_eq!(tally.skipped, ["vxlan: this kernel has no vxlan"]);
        assert_eq!(tally.not_tried, ["page.md:7: 2 commands: they need a network"]);
        assert_eq!(tally.figures, ["3 devices"]);
    }

    #[test]
    fn the_output_of_failures_is_shown_and_that_of_successes_is_not() {
        let (_, shown) = tally(REPORT);
        assert!(shown.contains(&"SKIPPED: not really, it failed"));
        assert!(shown.contains(&"test vxlan ... ok"));
        assert!(shown.iter().any(|line| line.starts_with("test result: FAILED.")));
        assert!(!shown.contains(&"looking for a device"));
    }

    #[test]
    fn binaries_add_up() {
        let (tally, _) = tally(&REPORT.repeat(3));
        assert_eq!((tally.passed(), tally.failed, tally.ignored, tally.skipped.len()), (3, 3, 3, 3));
    }
}
