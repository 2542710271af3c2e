//! What is written for programs to read.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::receiver_cpu;
use crate::shape::Family;

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

/// `bench.json`: CPU time of the receiver.
pub(crate) fn write_costs(folder: &Path, rows: &[receiver_cpu::Row]) -> Result<()> {
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
    write(&folder.join("bench.json"), &rows.iter().filter_map(cost).collect::<Vec<Cost>>())
}

fn write(path: &Path, what: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(what)?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
