//! The receiving end of a link, where one thread of the kernel does all the work.

use std::collections::HashMap;
use std::fs;
use std::ops::AddAssign;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::unistd::Pid;
use tests::net::{Client, Namespace, Network, run};

use crate::cpu;

const LIMIT: Duration = Duration::from_secs(10);

/// The host's end of a client's link, in threaded NAPI: receiving, filtering and dropping happens in one kernel thread, whose
/// CPU time the kernel counts in nanoseconds.
pub(crate) struct Receiver {
    host: Namespace,
    interface: String,
    thread: Pid,
}

/// What became of frames, counted by the driver since the link was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    /// That the receiver took from its ring.
    pub(crate) received: u64,
    /// Of these, dropped by the filter.
    pub(crate) denied: u64,
    /// That found the ring full, and cost the receiver nothing.
    pub(crate) lost: u64,
}

impl Frames {
    pub(crate) const NONE: Self = Self { received: 0, denied: 0, lost: 0 };

    pub(crate) fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received - before.received,
            denied: self.denied.saturating_sub(before.denied),
            lost: self.lost - before.lost,
        }
    }
}

impl AddAssign for Frames {
    fn add_assign(&mut self, more: Self) {
        self.received += more.received;
        self.denied += more.denied;
        self.lost += more.lost;
    }
}

impl Receiver {
    /// Has the host's end of `client`'s link receive in a thread of its own, on [`cpu::RECEIVER`].
    pub(crate) fn of(network: &Network, client: &Client) -> Result<Self> {
        let (host, interface) = (network.host().clone(), client.host_interface().to_owned());
        // Without a program, a veth has a NAPI instance only for receive offload (`veth_set_features`).
        let mut ethtool = host.command("ethtool");
        ethtool.args(["-K", &interface, "gro", "on"]);
        run(&mut ethtool, LIMIT)?.expect_success().context("ethtool -K")?;
        // `ip netns exec` mounts the /sys of that namespace.
        let mut threaded = Command::new("ip");
        threaded.args(["netns", "exec", host.name(), "sh", "-c"]);
        threaded.arg(format!("echo 1 > /sys/class/net/{interface}/threaded"));
        run(&mut threaded, LIMIT)?.expect_success().context("threaded NAPI")?;
        let thread = napi_thread(&interface)?;
        cpu::keep_on(thread, cpu::RECEIVER)?;
        // Whatever else wants this CPU waits.
        let mut first = Command::new("chrt");
        first.args(["--fifo", "--pid", "50"]).arg(thread.to_string());
        run(&mut first, LIMIT)?.expect_success().context("chrt")?;
        Ok(Self { host, interface, thread })
    }

    /// The CPU time of the receiving thread since it was made.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        cpu::time_of_process(self.thread)
    }

    /// What the driver counted on both ends.
    pub(crate) fn frames(&self, client: &Client) -> Result<Frames> {
        let own = statistics(&self.host, &self.interface)?;
        let peer = statistics(client.namespace(), Client::INTERFACE)?;
        let sum = |all: &HashMap<String, u64>, end: &str| {
            all.iter().filter(|(name, _)| name.ends_with(end)).map(|(_, count)| *count).sum::<u64>()
        };
        Ok(Frames {
            received: sum(&own, "_xdp_packets"),
            denied: sum(&own, "_xdp_drops"),
            lost: sum(&peer, "_xdp_xmit_errors"),
        })
    }
}

/// The kernel's thread for the only queue of an interface: `napi/NAME-ID`.
fn napi_thread(interface: &str) -> Result<Pid> {
    let prefix = format!("napi/{interface}-");
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.starts_with(&prefix) {
            let pid = entry.file_name().to_string_lossy().parse().context("a process id")?;
            return Ok(Pid::from_raw(pid));
        }
    }
    anyhow::bail!("no thread {prefix}*: the kernel gave the interface none")
}

/// `ethtool -S`, whose counters have names such as `rx_queue_0_xdp_packets`.
fn statistics(namespace: &Namespace, interface: &str) -> Result<HashMap<String, u64>> {
    let mut ethtool = namespace.command("ethtool");
    ethtool.args(["-S", interface]);
    let ran = run(&mut ethtool, LIMIT)?.expect_success().context("ethtool -S")?;
    let counter = |line: &str| {
        let (name, count) = line.split_once(':')?;
        Some((name.trim().to_owned(), count.trim().parse().ok()?))
    };
    Ok(ran.stdout.lines().filter_map(counter).collect())
}
