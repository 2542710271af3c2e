//! A virtual machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use super::{accelerator::Accelerator, conversation::Conversation, debian_kernel::Kernel};
use crate::progress;

/// Until a machine on real hardware has booted.
const BOOT: Duration = Duration::from_mins(1);

/// What a machine is made of.
pub(super) struct Computer<'a> {
    /// Who computes.
    pub(super) accelerator: Accelerator,
    /// What it boots.
    pub(super) kernel: &'a Kernel,
    /// What it starts from.
    pub(super) disk: &'a Path,
    /// What it runs.
    pub(super) payload: &'a Path,
    /// Where everything is written that a run leaves.
    pub(super) folder: &'a Path,
}

/// A machine that runs; it is switched off when it is dropped.
pub(super) struct Machine {
    qemu: Child,
    conversation: Option<Conversation>,
    console: PathBuf,
    patience: u32,
    /// How long it took to boot.
    pub(super) booted_in: Duration,
}

impl Computer<'_> {
    /// A disk of this name that begins as the one that the machine starts from.
    pub(super) fn new_disk(&self, name: &str) -> Result<PathBuf> {
        let disk = self.folder.join(format!("{}-{name}.qcow2", self.kernel.release));
        let mut create = Command::new("qemu-img");
        create.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]).arg(self.disk).arg(&disk);
        progress::run(&format!("make {}", disk.display()), create)?;
        Ok(disk)
    }

    /// Boots from the disk that `drive` describes to qemu, and waits until the machine speaks. `further` are more arguments for
    /// qemu.
    pub(super) fn boot(&self, name: &str, drive: &str, further: &[String]) -> Result<Machine> {
        let console = self.folder.join(format!("{}-{name}.console", self.kernel.release));
        // It ends with this program, however that ends.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .args(["-machine", "q35", "-accel", self.accelerator.name(), "-cpu", "max"])
            .args(["-smp", "2", "-m", "2048"])
            .args(["-append", "root=/dev/vda rw console=ttyS0 panic=-1 net.ifnames=0 quiet systemd.show_status=no"])
            .arg("-kernel")
            .arg(&self.kernel.vmlinuz)
            .arg("-initrd")
            .arg(&self.kernel.initrd)
            .args(["-drive", drive, "-drive"])
            .arg(format!("file={},if=virtio,format=raw,readonly=on", self.payload.display()))
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .args(["-chardev", "stdio,id=host,signal=off", "-device", "virtio-serial-pci"])
            .args(["-device", "virtserialport,chardev=host,name=registry-guard.host"])
            .args(["-object", "rng-random,filename=/dev/urandom,id=random", "-device", "virtio-rng-pci,rng=random"])
            .args(further)
            .current_dir(self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let begun = Instant::now();
        let mut qemu = qemu.spawn().context("starting qemu-system-x86_64")?;
        let conversation =
            Conversation::begin(qemu.stdin.take().context("no stdin")?, qemu.stdout.take().context("no stdout")?);
        let patience = self.accelerator.patience();
        let mut machine =
            Machine { qemu, conversation: Some(conversation), console, patience, booted_in: Duration::ZERO };
        let said = machine.hear(BOOT).with_context(|| format!("booting Linux {}", self.kernel.release))?;
        ensure!(said["ready"] == *self.kernel.release, "the machine says {said} and not that it is ready");
        machine.booted_in = begun.elapsed();
        Ok(machine)
    }
}

impl Machine {
    /// Runs a program in the machine, hands each line that it prints to `read`, and returns its exit code.
    pub(super) fn run(&mut self, words: &[&str], limit: Duration, mut read: impl FnMut(&str)) -> Result<i64> {
        let seconds = (limit * self.patience).as_secs();
        self.say(&json!({"run": words, "seconds": seconds}))?;
        let until = Instant::now() + limit * self.patience + BOOT;
        loop {
            let said = self.hear_until(until).with_context(|| format!("while it runs {}", words.join(" ")))?;
            if let Some(line) = said["line"].as_str() {
                read(line);
            } else if let Some(code) = said["exit"].as_i64() {
                return Ok(code);
            } else {
                bail!("the machine says {said} while it runs {}", words.join(" "));
            }
        }
    }

    /// Says something to the machine.
    pub(super) fn say(&mut self, message: &Value) -> Result<()> {
        self.conversation.as_mut().context("the machine is off")?.say(message)
    }

    /// Hears what the machine says within this time on real hardware.
    pub(super) fn hear(&mut self, limit: Duration) -> Result<Value> {
        self.hear_until(Instant::now() + limit * self.patience)
    }

    /// Hears one thing if it is said before that moment.
    pub(super) fn hear_before(&mut self, moment: Instant) -> Result<Option<Value>> {
        let conversation = self.conversation.as_ref().context("the machine is off")?;
        conversation.hear_before(moment).with_context(|| format!("see {}", self.console.display()))
    }

    /// Stops the machine between two instructions.
    pub(super) fn freeze(&self) -> Result<()> {
        let pid = i32::try_from(self.qemu.id()).context("the process of qemu")?;
        kill(Pid::from_raw(pid), Signal::SIGSTOP).context("stopping qemu")
    }

    /// Takes the power away, and returns what the machine said until then.
    pub(super) fn cut(mut self) -> Vec<Value> {
        let conversation = self.conversation.take();
        drop(self);
        conversation.map(Conversation::rest).unwrap_or_default()
    }

    fn hear_until(&mut self, until: Instant) -> Result<Value> {
        let conversation = self.conversation.as_ref().context("the machine is off")?;
        conversation.hear(until).with_context(|| format!("see {}", self.console.display()))
    }

    /// Shuts down as its owner would.
    pub(super) fn shut_down(mut self, limit: Duration) -> Result<()> {
        self.say(&json!({"shutDown": true}))?;
        let until = Instant::now() + limit * self.patience;
        while self.qemu.try_wait().context("waiting for qemu")?.is_none() {
            ensure!(Instant::now() < until, "the machine does not shut down; see {}", self.console.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It has ended, or it ends now.
        _ = self.qemu.kill();
        _ = self.qemu.wait();
    }
}

/// What to tell qemu of a disk that outlives it: whatever it wrote is in the host's memory.
pub(super) fn lasting(disk: &Path) -> String {
    format!("file={},if=virtio,format=qcow2,cache=unsafe", disk.display())
}

/// Removes a disk that is not needed any more.
pub(super) fn remove(disk: &Path) -> Result<()> {
    fs::remove_file(disk).with_context(|| format!("removing {}", disk.display()))
}
