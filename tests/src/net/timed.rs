use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// A command that ended, or that was ended because its time was over.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended; `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Whether it ended in time with exit code 0.
    pub fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The same, or an error with what it printed.
    pub fn expect_success(self) -> Result<Self> {
        ensure!(
            self.success(),
            "it did not succeed ({}):\n{}{}",
            self.status.map_or_else(|| "killed when its time was over".to_owned(), |status| status.to_string()),
            self.stdout,
            self.stderr
        );
        Ok(self)
    }
}

/// Runs a command with nothing on its standard input, and kills it when `limit` is over.
pub fn run(command: &mut Command, limit: Duration) -> Result<Ran> {
    let [mut stdout, mut stderr] = [tempfile::tempfile()?, tempfile::tempfile()?];
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(Duration::from_millis(1));
    };
    Ok(Ran { status, took: start.elapsed(), stdout: whole(&mut stdout)?, stderr: whole(&mut stderr)? })
}

fn whole(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
