//! A program that the host wants to be run.

use std::io::{BufRead as _, BufReader, pipe};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::host::Host;

/// A service gets few variables from systemd.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a program is said to end with if a signal ended it, as a shell says it.
const BY_SIGNAL: i32 = 128;

/// Runs it for at most so many seconds, passes on each line that it prints, and returns its exit code.
pub(crate) fn run(words: &[&str], seconds: u64, host: &mut Host) -> Result<i32> {
    let (output, input) = pipe().context("opening a pipe")?;
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", &seconds.to_string()]).args(words);
    command.env("PATH", PATH).env("HOME", "/root");
    command.env("REGISTRY_GUARD_BIN", "/payload/registry-guard");
    command.stdin(Stdio::null()).stdout(input.try_clone().context("opening a pipe")?).stderr(input);
    let mut child = command.spawn().with_context(|| format!("starting {}", words.join(" ")))?;
    // The command holds the pipe's writing end, which would keep the reader waiting.
    drop(command);
    for line in BufReader::new(output).split(b'\n') {
        host.say(&json!({"line": String::from_utf8_lossy(&line?)}))?;
    }
    Ok(child.wait()?.code().unwrap_or(BY_SIGNAL))
}
