//! Runs a tool that prints rules.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// No set of rules is that large.
const MOST_BYTES: u64 = 256 << 20;

/// What `program` prints.
///
/// # Errors
///
/// If it is not installed, fails, or is not done within `limit`.
pub(super) fn output(program: &str, arguments: &[&str], limit: Duration) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program} cannot be started: {error}"))?;
    let (sender, text) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut text = String::new();
            let read = stdout.take(MOST_BYTES).read_to_string(&mut text);
            // Nobody waits for it once the time is over.
            _ = sender.send(read.map(|_| text));
        });
    }
    let text = text.recv_timeout(limit);
    if text.is_err() {
        _ = child.kill();
    }
    let status = child.wait().map_err(|error| format!("{program}: {error}"))?;
    match text {
        Ok(Ok(text)) if status.success() => Ok(text),
        Ok(Ok(_)) => Err(format!("{program} failed: {status}")),
        Ok(Err(error)) => Err(format!("{program} cannot be read: {error}")),
        Err(_) => Err(format!("{program} was not done within {limit:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_told_and_a_failure_is_one() {
        let limit = Duration::from_mins(1);
        assert_eq!(output("echo", &["rules"], limit).as_deref(), Ok("rules\n"));
        assert!(output("false", &[], limit).unwrap_err().contains("failed"));
        assert!(output("no-such-tool", &[], limit).unwrap_err().contains("cannot be started"));
    }

    #[test]
    fn nothing_takes_longer_than_its_limit() {
        let told = output("sleep", &["1000"], Duration::from_millis(1));
        assert!(told.unwrap_err().contains("not done"));
    }
}
