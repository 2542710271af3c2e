//! The formats of `az`: json, jsonc, table, tsv, yaml, none, each after an optional `JMESPath` query.

mod colour;
mod lines;
mod query;
mod table;
mod tsv;

use serde::Serialize;

pub(crate) use lines::Lines;
pub(crate) use query::{Query, STACK as QUERY_STACK};
pub(crate) use table::Table;

use super::arguments::{Format, OutputArguments};
use super::failure::Failure;
use super::terminal::Terminal;
use query::Answer;

/// Something a command answers with.
pub(crate) trait View: Serialize {
    /// The answer as tables for people, each under its title if it has one.
    fn tables(&self) -> Vec<Table>;
}

/// Prints `view` as the flags ask. A query that finds nothing prints nothing, as in `az`.
pub(crate) fn print<V: View>(terminal: &mut Terminal, flags: &OutputArguments, view: &V) -> Result<(), Failure> {
    if flags.output == Format::None {
        return Ok(());
    }
    let answer = match &flags.query {
        Some(query) => query.search(view)?,
        // Large listings go straight from the view to the writer.
        None if flags.output == Format::Tsv => Answer::whole(view)?,
        None => return print_whole(terminal, flags.output, view),
    };
    if answer.value.is_null() {
        return Ok(());
    }
    match flags.output {
        Format::Tsv => tsv::write(&mut terminal.out, &answer)?,
        Format::Table => Table::of_answer(&answer).write(&mut terminal.out)?,
        other => print_serialized(terminal, other, &answer.value)?,
    }
    Ok(())
}

fn print_whole<V: View>(terminal: &mut Terminal, format: Format, view: &V) -> Result<(), Failure> {
    if format != Format::Table {
        return print_serialized(terminal, format, view);
    }
    for (place, table) in view.tables().into_iter().enumerate() {
        if place > 0 {
            writeln!(terminal.out)?;
        }
        table.write(&mut terminal.out)?;
    }
    Ok(())
}

fn print_serialized(terminal: &mut Terminal, format: Format, value: &impl Serialize) -> Result<(), Failure> {
    let out = &mut terminal.out;
    match format {
        Format::Yaml | Format::Yamlc => {
            return serde_norway::to_writer(out, value).map_err(|error| Failure::unwritten(&error));
        }
        Format::Jsonc if terminal.colour => colour::write(out, value),
        _ => serde_json::to_writer_pretty(&mut *out, value),
    }
    .map_err(|error| Failure::unwritten(&error))?;
    writeln!(terminal.out)?;
    Ok(())
}
