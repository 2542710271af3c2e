use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
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
             counter denied {{ }}\n\
             set allowed {{ type ipv4_addr; flags interval; elements = {{ {} }} }}\n\
             chain ingress {{ type filter hook ingress device \"{}\" priority 0; policy accept;\n\
             tcp dport 443 tcp flags & (syn | ack) == syn ip saddr != @allowed counter name denied drop\n}}\n}}\n",
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

    /// Packets that it dropped.
    pub(super) fn dropped(&self) -> Result<u64> {
        let mut nft = self.host.command("nft");
        nft.args(["--json", "list", "counter", "netdev", "guard", "denied"]);
        let ran = run(&mut nft, LIMIT)?.expect_success().context("nft list counter")?;
        let answer: Value = serde_json::from_str(&ran.stdout)?;
        let objects = answer["nftables"].as_array().context("no list")?;
        let packets: Vec<u64> = objects.iter().filter_map(|object| object["counter"]["packets"].as_u64()).collect();
        ensure!(packets.len() == 1, "no counter in {answer}");
        Ok(packets[0])
    }
}
