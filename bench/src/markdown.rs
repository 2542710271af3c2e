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
    let mut section = |title: &str, mut table: Table, is_there: bool| -> Result<()> {
        if is_there {
            table.load_preset(ASCII_MARKDOWN);
            write!(
                page,
                "\n## {title}\n\n{}\n",
                table.to_string().lines().map(str::trim).collect::<Vec<_>>().join("\n")
            )?;
        }
        Ok(())
    };
    section(
        "CPU time of the receiver for each denied SYN: nanoseconds, and times the parse floor",
        tables::receiver_by_aim(&results.receiver),
        !results.receiver.is_empty(),
    )?;
    section(
        "Time of the program alone, SYNs to the registry",
        tables::judged(&results.judged),
        !results.judged.is_empty(),
    )?;
    section(
        "Time of the program alone, what is not guarded",
        tables::not_guarded(&results.not_guarded),
        !results.not_guarded.is_empty(),
    )?;
    section("Allowed clients", tables::traffic(&results.traffic), !results.traffic.is_empty())?;
    if let Some(updates) = &results.updates {
        section("Rules in numbers", tables::updates(updates), true)?;
    }
    section("What is promised", tables::bounds(bounds), true)?;
    Ok(page)
}
