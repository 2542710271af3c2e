//! What is written for programs to read.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::bounds::Bound;
use crate::results::Results;
use crate::shape::Family;
use crate::{chart, markdown, receiver_cpu};

/// A figure of `bench.json`.
#[derive(Serialize)]
struct Cost {
    filter: &'static str,
    prefixes: usize,
    sources: &'static str,
    encapsulation: &'static str,
    family: Family,
    cpu_ns_per_packet: f64,
    cpu_ns_lowest: f64,
    cpu_ns_highest: f64,
    ratio_to_floor: f64,
    ratio_lowest: f64,
    ratio_highest: f64,
    packets_received: u64,
    packets_denied: u64,
    packets_lost: u64,
}

/// Writes `bench.json`, `other.json`, `performance.md` and `chart.svg`.
pub(crate) fn write_all(folder: &Path, results: &Results, bounds: &[Bound]) -> Result<()> {
    if !results.receiver.is_empty() {
        write(&folder.join("bench.json"), &costs(&results.receiver))?;
        chart::draw(&folder.join("chart.svg"), results)?;
        println!("{}", folder.join("chart.svg").display());
    }
    write(&folder.join("other.json"), &other(results, bounds))?;
    let page = folder.join("performance.md");
    fs::write(&page, markdown::page(results, bounds)?).with_context(|| format!("writing {}", page.display()))?;
    println!("{}", page.display());
    Ok(())
}

/// CPU time of the receiver.
fn costs(rows: &[receiver_cpu::Row]) -> Vec<Cost> {
    let cost = |row: &receiver_cpu::Row| {
        let (cost, ratio) = (row.cost.spread()?, row.ratio.spread()?);
        Some(Cost {
            filter: row.case.filter.name(),
            prefixes: row.case.prefixes,
            sources: row.aim.name(),
            encapsulation: row.case.shape.encapsulation(),
            family: row.case.shape.family(),
            cpu_ns_per_packet: cost.median,
            cpu_ns_lowest: cost.low,
            cpu_ns_highest: cost.high,
            ratio_to_floor: ratio.median,
            ratio_lowest: ratio.low,
            ratio_highest: ratio.high,
            packets_received: row.frames.received,
            packets_denied: row.frames.denied,
            packets_lost: row.frames.lost,
        })
    };
    rows.iter().filter_map(cost).collect()
}

/// Everything else.
fn other(results: &Results, bounds: &[Bound]) -> Value {
    let judged = results.judged.iter().map(|row| {
        json!({
            "prefixes": row.case.prefixes,
            "encapsulation": row.case.shape.encapsulation(),
            "family": row.case.shape.family(),
            "sources": row.aim.name(),
            "program_ns": row.cost.spread(),
            "floor_ns": row.floor.spread(),
        })
    });
    let not_guarded = results.not_guarded.iter().map(|row| {
        json!({
            "prefixes": row.case.prefixes,
            "family": row.case.shape.family(),
            "packet": row.what.name(),
            "program_ns": row.cost.spread(),
            "floor_ns": row.floor.spread(),
            "pass_ns": row.pass.spread(),
            "ratio_to_floor": row.ratio.spread(),
        })
    });
    let traffic = results.traffic.iter().map(|row| {
        json!({
            "filter": row.case.filter.name(),
            "prefixes": row.case.prefixes,
            "connections_per_second": row.connections.spread(),
            "connections_ratio": row.connections_ratio.spread(),
            "pull_megabytes_per_second": row.pull.spread(),
            "pull_ratio": row.pull_ratio.spread(),
        })
    });
    let updates = results.updates.as_ref().map(|updates| {
        json!({
            "kernel_memory_fixed_bytes": updates.fixed,
            "kernel_memory_rules_bytes": updates.rules,
            "kernel_bytes_per_prefix": updates.bytes_a_prefix(),
            "agent_resident_bytes": updates.agent,
            "first_apply_seconds": updates.load.as_secs_f64(),
            "swap_seconds": updates.swap.spread(),
            "cold_start_seconds": updates.cold_start.spread(),
            "one_rule_command_ms": updates.one_more.command,
            "one_rule_request_ms": updates.one_more.request,
            "one_rule_enforced_ms": updates.one_more.enforced,
            "one_rule_stored_ms": updates.one_more.stored,
            "stall_ms": updates.stall.spread(),
            "stall_without_swap_ms": updates.stall_without.spread(),
            "stolen_ms": updates.stolen.1,
            "stolen_without_swap_ms": updates.stolen.0,
        })
    });
    let bounds = bounds
        .iter()
        .map(|bound| json!({"what": bound.what, "limit": bound.limit, "seen": bound.seen, "holds": bound.holds()}));
    json!({
        "left_out": results.left_out,
        "program_time_of_syns": judged.collect::<Vec<Value>>(),
        "program_time_not_guarded": not_guarded.collect::<Vec<Value>>(),
        "allowed_traffic": traffic.collect::<Vec<Value>>(),
        "updates_at_1000000": updates,
        "bounds": bounds.collect::<Vec<Value>>(),
    })
}

fn write(path: &Path, what: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(what)?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
