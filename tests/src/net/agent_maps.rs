use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use registry_guard_common::LAYOUT_VERSION;
use serde_json::{Value, json};

use super::agent::Agent;
use super::timed;

/// The kernel's maps behind an agent, seen with `bpftool` and past the agent.
impl Agent {
    /// Everything that the program decides by: the rule tables with their identities, endpoints, VTEPs, settings, and the
    /// hits of every rule.
    pub fn kernel_tables(&self) -> Result<Value> {
        let slots = self.map("RULES")?;
        let slots = slots.as_array().context("the slots of RULES")?;
        let in_use = slots.iter().filter_map(inner_map);
        let tables = in_use.map(|id| Ok((id.to_string(), table(id)?))).collect::<Result<_>>()?;
        let mut all = json!({"RULES": Value::Object(tables)});
        for name in ["ENDPOINTS", "VTEPS", "SETTINGS", "RULE_HITS"] {
            all[name] = self.map(name)?;
        }
        Ok(all)
    }

    /// Takes the public rule for one address out of the table in this slot.
    pub fn forget_behind_its_back(&self, slot: usize, source: Ipv4Addr) -> Result<()> {
        let slots = self.map("RULES")?;
        let id = slots.get(slot).and_then(inner_map).context("no table in this slot")?;
        // 64 bits in the machine's order, then family 4, tag 0, and the address filled up to 16 bytes.
        let mut key = 64_u32.to_ne_bytes().to_vec();
        key.extend([4, 0, 0, 0]);
        key.extend(source.octets());
        key.extend([0; 12]);
        let key: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut bpftool = Command::new("bpftool");
        bpftool.args(["map", "delete", "id", &id.to_string(), "key", "hex"]).args(key);
        timed::run(&mut bpftool, LIMIT)?.expect_success().context("bpftool map delete").map(drop)
    }

    fn map(&self, name: &str) -> Result<Value> {
        dump("pinned", &self.map_pin(name).display().to_string())
    }

    fn map_pin(&self, name: &str) -> PathBuf {
        self.pins().join(format!("maps-v{LAYOUT_VERSION}")).join(name)
    }
}

const LIMIT: Duration = Duration::from_mins(1);

fn table(id: u64) -> Result<Value> {
    dump("id", &id.to_string())
}

fn inner_map(slot: &Value) -> Option<u64> {
    slot["inner_map_id"].as_u64()
}

fn dump(by: &str, name: &str) -> Result<Value> {
    let mut bpftool = Command::new("bpftool");
    bpftool.args(["--json", "map", "dump", by, name]);
    let dump = timed::run(&mut bpftool, LIMIT)?.expect_success().context("bpftool map dump")?;
    serde_json::from_str(&dump.stdout).context("what bpftool printed")
}
