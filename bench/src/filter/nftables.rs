use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::net::{Client, Namespace, Network, run};

use crate::rule_set::RuleSet;

const LIMIT: Duration = Duration::from_mins(2);

/// nftables at the ingress hook of the interface, with a set of intervals.
pub(crate) struct Nftables {
    host: Namespace,
}

impl Nftables {
    pub(super) fn load(network: &Network, client: &Client, rules: &RuleSet) -> Result<Self> {
        let elements: Vec<String> = rules.aggregated().iter().map(ToString::to_string).collect();
        let ruleset = format!(
            "table netdev guard {{\n\
             set allowed {{ type ipv4_addr; flags interval; elements = {{ {} }} }}\n\
             chain ingress {{ type filter hook ingress device \"{}\" priority 0; policy accept;\n\
             tcp dport 443 tcp flags & (syn | ack) == syn ip saddr != @allowed drop\n}}\n}}\n",
            elements.join(", "),
            client.host_interface()
        );
        let path = network.folder().join("guard.nft");
        fs::write(&path, ruleset)?;
        let mut nft = network.host().command("nft");
        nft.arg("-f").arg(&path);
        run(&mut nft, LIMIT)?.expect_success().context("nft")?;
        Ok(Self { host: network.host().clone() })
    }

    /// Packets that it let through, by what the kernel counts as IP packets received (RFC 4293); every question to nft would
    /// have it read the whole set.
    pub(super) fn passed(&self) -> Result<u64> {
        let counters = self.host.within(|| fs::read_to_string("/proc/thread-self/net/snmp"))??;
        let mut ip = counters.lines().filter_map(|line| line.strip_prefix("Ip:"));
        let (names, counts) = (ip.next().context("no counters of IP")?, ip.next().context("no counters of IP")?);
        let mut both = names.split_whitespace().zip(counts.split_whitespace());
        let received = both.find_map(|(name, count)| (name == "InReceives").then_some(count));
        Ok(received.context("no counter of received packets")?.parse()?)
    }
}
