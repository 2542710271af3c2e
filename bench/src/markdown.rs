//! The tables as Markdown, for the documentation.

use std::fmt::Write as _;

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::bounds::Bound;
use crate::results::Results;
use crate::{machine, tables};

/// Everything that was measured.
pub(crate) fn page(results: &Results, bounds: &[Bound]) -> Result<String> {
    let mut page = format!("Measured on {}.\n", machine::describe()?);
    if !results.receiver.is_empty() {
        let title = "CPU time of the receiver for each denied SYN: nanoseconds, and times the parse floor";
        section(&mut page, title, tables::receiver_by_aim(&results.receiver))?;
    }
    for why in &results.left_out {
        writeln!(page, "\nLeft out: {why}")?;
    }
    if !results.judged.is_empty() {
        section(&mut page, "Time of the program alone, SYNs to the registry", tables::judged(&results.judged))?;
        section(
            &mut page,
            "Time of the program alone, what is not guarded",
            tables::not_guarded(&results.not_guarded),
        )?;
    }
    if !results.traffic.is_empty() {
        section(&mut page, "Allowed clients", tables::traffic(&results.traffic))?;
    }
    if let Some(updates) = &results.updates {
        section(&mut page, "Rules in numbers", tables::updates(updates))?;
    }
    section(&mut page, "What is promised", tables::bounds(bounds))?;
    Ok(page)
}

fn section(page: &mut String, title: &str, mut table: Table) -> Result<()> {
    table.load_preset(ASCII_MARKDOWN);
    writeln!(page, "\n## {title}\n\n{}", table.trim_fmt())?;
    Ok(())
}
