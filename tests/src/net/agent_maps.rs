use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use registry_guard_common::LAYOUT_VERSION;
use serde_json::{Map, Value, json};

use super::agent::Agent;
use super::timed;

const LIMIT: Duration = Duration::from_mins(1);

/// The kernel's maps behind an agent, seen with `bpftool` and past the agent.
impl Agent {
    /// Everything that the program decides by: the rule tables with their identities, endpoints, VTEPs, settings, and the
    /// hits of every rule.
    pub fn kernel_tables(&self) -> Result<Value> {
        let tables = self.rule_tables()?.into_values().map(|id| Ok((id.to_string(), dump("id", &id.to_string())?)));
        let mut all = json!({"RULES": tables.collect::<Result<Map<_, _>>>()?});
        for name in ["ENDPOINTS", "VTEPS", "SETTINGS", "RULE_HITS"] {
            all[name] = self.map(name)?;
        }
        Ok(all)
    }

    /// Takes the public rule for one address out of the table in this slot.
    pub fn forget_behind_its_back(&self, slot: u32, source: Ipv4Addr) -> Result<()> {
        let tables = self.rule_tables()?;
        let id = tables.get(&slot).with_context(|| format!("no table in slot {slot}"))?.to_string();
        // 64 bits, in the machine's order; then family 4, tag 0, and the address filled up to 16 bytes.
        let key = [&64_u32.to_ne_bytes()[..], &[4, 0, 0, 0], &source.octets(), &[0; 12]].concat();
        let key = key.iter().map(|byte| format!("{byte:02x}"));
        let mut bpftool = Command::new("bpftool");
        bpftool.args(["map", "delete", "id", &id, "key", "hex"]).args(key);
        timed::run(&mut bpftool, LIMIT)?.expect_success().context("bpftool map delete").map(drop)
    }

    /// The identity of the rule table in each slot that has one.
    fn rule_tables(&self) -> Result<BTreeMap<u32, u32>> {
        let slots = self.map("RULES")?;
        let slots = slots.as_array().context("RULES is no list")?;
        let tables: BTreeMap<u32, u32> =
            slots.iter().filter_map(|slot| Some((number(&slot["key"])?, number(&slot["value"])?))).collect();
        ensure!(!tables.is_empty(), "no rule table is in force");
        Ok(tables)
    }

    fn map(&self, name: &str) -> Result<Value> {
        let pin = self.pins().join(format!("maps-v{LAYOUT_VERSION}")).join(name);
        dump("pinned", &pin.display().to_string())
    }
}

/// In the order of the keys: the kernel lists a hash table in whatever order its buckets were last written.
fn dump(by: &str, name: &str) -> Result<Value> {
    let mut bpftool = Command::new("bpftool");
    bpftool.args(["--json", "map", "dump", by, name]);
    let dump = timed::run(&mut bpftool, LIMIT)?.expect_success().context("bpftool map dump")?;
    let mut elements: Vec<Value> = serde_json::from_str(&dump.stdout).context("what bpftool printed")?;
    elements.sort_by_cached_key(|element| element["key"].to_string());
    Ok(elements.into())
}

/// A word in the machine's byte order, as `bpftool` prints it: `["0x9f","0x09","0x00","0x00"]`.
fn number(bytes: &Value) -> Option<u32> {
    let byte = |text: &Value| u8::from_str_radix(text.as_str()?.strip_prefix("0x")?, 16).ok();
    let bytes: Option<Vec<u8>> = bytes.as_array()?.iter().map(byte).collect();
    Some(u32::from_ne_bytes(bytes?.try_into().ok()?))
}
