//! Long commands, with a sign of life while they run.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, PipeReader, pipe},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How many of a failed command's last lines are worth reading.
const LINES_KEPT: usize = 30;

/// Runs a command behind a spinner, or between two plain lines where there is no terminal.
///
/// Its output is shown only if it fails, and then the error is the command line.
pub(crate) fn run(what: &str, mut command: Command) -> Result<()> {
    let line = command_line(&command);
    let spinner = spinner(what);
    let started = Instant::now();
    let (output, input) = pipe().context("opening a pipe")?;
    command.stdin(Stdio::null()).stdout(input.try_clone().context("opening a pipe")?).stderr(input);
    let mut child = command.spawn().with_context(|| format!("starting `{line}`"))?;
    // The command holds the pipe's writing end, which would keep the reader waiting.
    drop(command);
    let last_lines = follow(output, &spinner);
    let status = child.wait().with_context(|| format!("waiting for `{line}`"))?;
    spinner.finish_and_clear();
    if !status.success() {
        for text in &last_lines {
            eprintln!("  | {text}");
        }
        bail!("{what} failed ({status}); the command was: {line}");
    }
    println!("  {what}: done in {:.1} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// The command as one could type it, with the variables it sets.
pub(crate) fn command_line(command: &Command) -> String {
    let variables =
        command.get_envs().filter_map(|(name, value)| Some(format!("{}={}", name.display(), value?.display())));
    let words = [command.get_program()].into_iter().chain(command.get_args()).map(|word| word.display().to_string());
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn spinner(what: &str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner();
    if spinner.is_hidden() {
        println!("  {what} ...");
        return spinner;
    }
    if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} [{elapsed}] {wide_msg:.dim}") {
        spinner.set_style(style);
    }
    spinner.set_prefix(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Reads to the end, shows the line being read, and keeps the last ones.
fn follow(output: PipeReader, spinner: &ProgressBar) -> VecDeque<String> {
    let mut kept = VecDeque::with_capacity(LINES_KEPT);
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        spinner.set_message(line.clone());
        if kept.len() == LINES_KEPT {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    kept
}
