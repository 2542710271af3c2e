//! `cargo xtask test`: every test of the workspace, on a machine that this very command sets up.

use std::{
    io::{BufRead as _, BufReader},
    process::{ExitStatus, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    guard_binary::{self, Profile},
    setup,
    test_tally::TestTally,
    workspace,
};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Passed on to `cargo test`, as in `cargo xtask test -- --package tests swap`
    #[arg(last = true)]
    passed_on: Vec<String>,
}

/// Runs the tests and counts what they did.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run_as_root("the tests create network namespaces and load BPF programs", "test")?;
    let others = guard_binary::build_others()?;
    let binary = guard_binary::build(Profile::Dev)?;

    let started = Instant::now();
    let mut child = workspace::cargo()
        .args(cargo_arguments(&arguments.passed_on))
        .env(guard_binary::VARIABLE, &binary)
        .envs(others)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo test")?;
    let report = child.stdout.take().context("cargo test has no output")?;
    let mut tally = TestTally::default();
    for line in BufReader::new(report).split(b'\n') {
        let line = line.context("reading what cargo test says")?;
        let line = String::from_utf8_lossy(&line);
        if tally.read(&line) {
            println!("{line}");
        }
    }
    let status = child.wait().context("waiting for cargo test")?;
    summarize(&tally, status, started)
}

/// All packages unless the user chose some, every binary even after one failed, and the output of passing tests, which
/// is where a test says that it was skipped.
fn cargo_arguments(passed_on: &[String]) -> Vec<&str> {
    let split = passed_on.iter().position(|word| word == "--").unwrap_or(passed_on.len());
    let (for_cargo, for_libtest) = passed_on.split_at(split);
    let chooses = |word: &String| word == "--package" || word.starts_with("--package=") || word.starts_with("-p");
    let mut arguments = vec!["test", "--no-fail-fast"];
    if !for_cargo.iter().any(chooses) {
        arguments.push("--workspace");
    }
    arguments.extend(for_cargo.iter().map(String::as_str));
    arguments.extend(["--", "--show-output"]);
    arguments.extend(for_libtest.iter().skip(1).map(String::as_str));
    arguments
}

fn summarize(tally: &TestTally, status: ExitStatus, started: Instant) -> Result<()> {
    for figure in &tally.figures {
        println!("figure: {figure}");
    }
    for skipped in &tally.skipped {
        println!("skipped: {skipped}");
    }
    for left_out in &tally.not_tried {
        println!("not tried: {left_out}");
    }
    println!(
        "tests: {} passed, {} failed, {} skipped, {} ignored in {:.0} s",
        tally.passed(),
        tally.failed,
        tally.skipped.len(),
        tally.ignored,
        started.elapsed().as_secs_f32()
    );
    if !status.success() || tally.failed > 0 {
        bail!("cargo test failed ({status})");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::cargo_arguments;

    fn arguments(passed_on: &[&str]) -> String {
        let passed_on: Vec<String> = passed_on.iter().map(|&word| word.to_owned()).collect();
        cargo_arguments(&passed_on).join(" ")
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_a_package_is_named() {
        assert_eq!(arguments(&[]), "test --no-fail-fast --workspace -- --show-output");
        assert_eq!(arguments(&["-p", "tests", "swap"]), "test --no-fail-fast -p tests swap -- --show-output");
    }

    #[test]
    fn words_after_a_second_separator_reach_libtest() {
        assert_eq!(
            arguments(&["swap", "--", "--test-threads=1"]),
            "test --no-fail-fast --workspace swap -- --show-output --test-threads=1"
        );
    }
}
