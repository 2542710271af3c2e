use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that runs until it is ended; at the latest when this is dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
    contained: bool,
}

impl Daemon {
    /// Starts `command`; what it prints is appended to the file `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self { child, log: log.to_owned(), contained: false })
    }

    /// The same for a `command` that is `unshare --fork`, which stays and waits for what it started.
    pub(super) fn start_contained(command: &mut Command, log: &Path) -> Result<Self> {
        let mut daemon = Self::start(command, log)?;
        daemon.contained = true;
        Ok(daemon)
    }

    /// Waits until `ready` says so; fails with the log when the process ends before that, or when `limit` is over.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended ({status}) before it was ready; it said:\n{}", self.log());
            }
            if start.elapsed() > limit {
                bail!("it was not ready within {limit:?}; it said:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal and waits for the end; a process that is still there after 20 seconds is killed, which is an error.
    pub fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        kill(Pid::from_raw(self.child.id().cast_signed()), signal)?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > Duration::from_secs(20) {
                self.child.kill()?;
                self.child.wait()?;
                bail!("{signal} did not end it; it said:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it still runs; else how it ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Daemon {
    /// Who has nobody left to wait for it stays as a zombie until the machine's first process looks, so the one that was
    /// started by `unshare` dies first; then `unshare` ends too.
    fn kill(&mut self) {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        match children.split_whitespace().next().and_then(|child| child.parse().ok()) {
            Some(child) if self.contained => _ = kill(Pid::from_raw(child), Signal::SIGKILL),
            _ => _ = self.child.kill(),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        match self.child.wait() {
            Ok(status) if thread::panicking() && status.signal() != Some(Signal::SIGKILL as i32) => {
                eprintln!("process {} had ended: {status}", self.child.id());
            }
            _ => {}
        }
        if thread::panicking() {
            eprintln!("--- {}\n{}---", self.log.display(), self.log());
        }
    }
}
