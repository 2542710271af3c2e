use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

/// A network namespace with a name under `/run/netns`; it is deleted when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Namespace {
    named: Arc<Named>,
}

#[derive(Debug)]
struct Named {
    name: String,
}

impl Namespace {
    /// A new namespace of this name, with `lo` up, no reverse path filter and no duplicate address detection.
    pub fn create(name: &str) -> Result<Self> {
        ip_batch(Command::new("ip"), &format!("netns add {name}"))?;
        let namespace = Self { named: Arc::new(Named { name: name.to_owned() }) };
        namespace.ip("link set lo up")?;
        for scope in ["all", "default"] {
            namespace.sysctl(&format!("net/ipv4/conf/{scope}/rp_filter"), "0")?;
            namespace.sysctl(&format!("net/ipv6/conf/{scope}/accept_dad"), "0")?;
        }
        Ok(namespace)
    }

    /// The name, as `ip netns list` prints it.
    pub fn name(&self) -> &str {
        &self.named.name
    }

    /// The file that stands for the namespace.
    pub fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.named.name)
    }

    /// A command that will run inside; it keeps the mounts of this process, bpffs among them.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg("--").arg(program);
        command
    }

    /// Runs lines of the `ip` command inside, each without the leading `ip`.
    pub fn ip(&self, lines: &str) -> Result<()> {
        ip_batch(self.command("ip"), lines).with_context(|| format!("in namespace {}", self.name()))
    }

    /// Writes a kernel setting of this namespace, named by its path below `/proc/sys`.
    pub fn sysctl(&self, setting: &str, value: &str) -> Result<()> {
        self.within(|| fs::write(format!("/proc/sys/{setting}"), value))?
            .with_context(|| format!("{setting}={value} in namespace {}", self.name()))
    }

    /// Runs `work` on a thread of its own inside the namespace, and waits for it.
    pub fn within<R: Send>(&self, work: impl FnOnce() -> R + Send) -> Result<R> {
        thread::scope(|scope| {
            let worker = scope.spawn(|| self.enter().map(|()| work()));
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves the calling thread into the namespace for good; for threads that are started for it.
    pub fn enter(&self) -> Result<()> {
        let file = File::open(self.path()).with_context(|| format!("namespace {}", self.name()))?;
        setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("entering namespace {}", self.name()))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Err(error) = ip_batch(Command::new("ip"), &format!("netns del {}", self.name)) {
            eprintln!("namespace {} stays: {error:#}", self.name);
        }
    }
}

/// Feeds `lines` to `ip -batch`; the error carries what `ip` said.
fn ip_batch(mut ip: Command, lines: &str) -> Result<()> {
    ip.args(["-batch", "-"]);
    ip.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = ip.spawn().context("starting `ip`")?;
    if let Some(mut input) = child.stdin.take() {
        // A child that ends at the first bad line closes the pipe; its own words are the better error.
        _ = input.write_all(lines.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("`ip` refused: {}\n{lines}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
