use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ipnet::IpNet;
use tests::net::{Client, Namespace, Network, run};

use crate::rule_set::RuleSet;

const LIMIT: Duration = Duration::from_mins(5);

/// xdp-filter of xdp-tools: what it does not know is dropped. It knows no prefixes, so each rule is the first address of one.
pub(crate) struct XdpFilter {
    host: Namespace,
    bpffs: String,
    interface: String,
}

impl XdpFilter {
    pub(super) fn load(network: &Network, client: &Client, rules: &RuleSet) -> Result<Self> {
        let filter = Self {
            host: network.host().clone(),
            bpffs: network.bpffs().display().to_string(),
            interface: client.host_interface().to_owned(),
        };
        // Of its programs, the one that looks at IPv4 addresses alone is the fastest.
        let mut script = format!("xdp-filter load -m native -p deny -f ipv4 {}\n", filter.interface);
        for prefix in &rules.prefixes {
            ensure!(matches!(prefix, IpNet::V4(_)), "xdp-filter is measured with IPv4 only");
            writeln!(script, "xdp-filter ip -m src {}", prefix.addr())?;
        }
        let path = network.folder().join("xdp-filter.sh");
        std::fs::write(&path, script)?;
        let mut load = filter.command();
        load.arg("set -e; . \"$1\"").arg("sh").arg(&path);
        run(&mut load, LIMIT)?.expect_success().context("xdp-filter")?;
        Ok(filter)
    }

    /// A shell that sees the network's BPF file system where xdp-filter has its pins.
    fn command(&self) -> Command {
        let mut shell = self.host.command("unshare");
        shell.args(["--mount", "--propagation", "private", "sh", "-ec"]);
        shell.arg(format!("mount --bind {} /sys/fs/bpf; exec sh -c \"$@\"", self.bpffs)).arg("sh");
        shell
    }
}

impl Drop for XdpFilter {
    fn drop(&mut self) {
        let mut unload = self.command();
        unload.arg(format!("xdp-filter unload {}", self.interface));
        match run(&mut unload, LIMIT) {
            Ok(ran) if ran.success() => {}
            other => eprintln!("xdp-filter stays on {}: {other:?}", self.interface),
        }
    }
}
