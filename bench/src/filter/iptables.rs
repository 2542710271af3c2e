use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::net::{Client, Namespace, Network, run};

use crate::rule_set::RuleSet;

const LIMIT: Duration = Duration::from_mins(2);

/// iptables in the raw table before routing, with a set of networks.
pub(crate) struct Iptables {
    host: Namespace,
}

impl Iptables {
    pub(super) fn load(network: &Network, client: &Client, rules: &RuleSet) -> Result<Self> {
        let most = rules.prefixes.len().max(65_536);
        let mut set = format!("create allowed hash:net family inet hashsize 4096 maxelem {most}\n");
        for prefix in &rules.prefixes {
            writeln!(set, "add allowed {prefix}")?;
        }
        let path = network.folder().join("allowed.ipset");
        fs::write(&path, set)?;
        let mut ipset = network.host().command("ipset");
        ipset.args(["restore", "-file"]).arg(&path);
        run(&mut ipset, LIMIT)?.expect_success().context("ipset")?;
        let mut iptables = network.host().command("iptables");
        iptables.args(["-t", "raw", "-A", "PREROUTING", "-i", client.host_interface()]);
        iptables.args(["-p", "tcp", "--dport", "443", "--syn", "-m", "set", "!", "--match-set", "allowed", "src"]);
        iptables.args(["-j", "DROP"]);
        run(&mut iptables, LIMIT)?.expect_success().context("iptables")?;
        Ok(Self { host: network.host().clone() })
    }

    /// Packets that it dropped.
    pub(super) fn dropped(&self) -> Result<u64> {
        let mut iptables = self.host.command("iptables");
        iptables.args(["-t", "raw", "-L", "PREROUTING", "-v", "-x", "-n"]);
        let ran = run(&mut iptables, LIMIT)?.expect_success().context("iptables -L")?;
        let line = ran.stdout.lines().find(|line| line.contains("match-set")).context("the rule is gone")?;
        let packets = line.split_whitespace().next().context("no counter")?;
        Ok(packets.parse()?)
    }
}
