//! Answers that come one after the other, each printed at once.

use std::io::{self, Write};

use jmespath::{Rcvar, Variable};
use serde::Serialize;

use super::query::Answer;
use super::{Format, Table, View, colour, tsv};
use crate::cli::arguments::OutputArguments;
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;

/// A printer that knows what it printed before: a table has one header.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    header: Vec<String>,
    widths: Vec<usize>,
}

impl Lines {
    /// Prints one answer: JSON in one line, a row of a table or of tab-separated values, or an element of a YAML list. A
    /// query that finds nothing prints nothing.
    pub(crate) fn print<V: View>(
        &mut self,
        terminal: &mut Terminal,
        flags: &OutputArguments,
        view: &V,
    ) -> Result<(), Failure> {
        let answer = match &flags.query {
            Some(query) => query.search(view)?,
            None => Answer::whole(view)?,
        };
        if answer.value.is_null() {
            return Ok(());
        }
        match flags.output {
            Format::None => Ok(()),
            Format::Tsv => Ok(tsv::write(&mut terminal.out, &element(answer))?),
            Format::Table if flags.query.is_some() => {
                Ok(self.rows(&mut terminal.out, &Table::of_answer(&element(answer)))?)
            }
            Format::Table => Ok(view.tables().iter().try_for_each(|table| self.rows(&mut terminal.out, table))?),
            Format::Yaml | Format::Yamlc => {
                serde_norway::to_writer(&mut terminal.out, &[&answer.value]).map_err(|error| Failure::unwritten(&error))
            }
            Format::Jsonc if terminal.colour => line(&mut terminal.out, &answer.value, colour::write_compact),
            Format::Json | Format::Jsonc => {
                line(&mut terminal.out, &answer.value, |out, value| serde_json::to_writer(out, value))
            }
        }
    }

    /// Columns are as wide as they were in the first row; what is wider moves the rest of its row.
    fn rows(&mut self, out: &mut dyn Write, table: &Table) -> io::Result<()> {
        if table.header.is_empty() {
            return Ok(());
        }
        if self.header != table.header {
            let widest = |column: usize| {
                let rows = std::iter::once(&table.header).chain(&table.rows);
                rows.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
            };
            self.widths = (0..table.header.len()).map(widest).collect();
            self.header.clone_from(&table.header);
            self.row(out, &table.header)?;
            self.row(out, &self.widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>())?;
        }
        table.rows.iter().try_for_each(|row| self.row(out, row))
    }

    fn row(&self, out: &mut dyn Write, cells: &[String]) -> io::Result<()> {
        let cells: Vec<String> =
            cells.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())
    }
}

/// The answer as the only element of a list: what is a list itself is one row too.
fn element(answer: Answer) -> Answer {
    Answer { value: Rcvar::new(Variable::Array(vec![answer.value])), columns: answer.columns }
}

fn line<T: Serialize>(
    out: &mut dyn Write,
    value: &T,
    write: impl FnOnce(&mut dyn Write, &T) -> serde_json::Result<()>,
) -> Result<(), Failure> {
    write(out, value).map_err(|error| Failure::unwritten(&error))?;
    Ok(writeln!(out)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lines: &mut Lines, header: &[&str], cells: &[&str]) -> String {
        let mut table = Table::new(header.iter().copied());
        table.rows.push(cells.iter().map(ToString::to_string).collect());
        let mut out = Vec::new();
        lines.rows(&mut out, &table).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_has_one_header_and_its_columns_stay_where_they_are() {
        let mut lines = Lines::default();
        assert_eq!(
            row(&mut lines, &["A", "LONG", "C"], &["12345", "x", ""]),
            "A      LONG  C\n-----  ----  -\n12345  x\n"
        );
        assert_eq!(row(&mut lines, &["A", "LONG", "C"], &["1", "x", "y"]), "1      x     y\n");
        assert_eq!(row(&mut lines, &["A", "LONG", "C"], &["1234567", "x", "y"]), "1234567  x     y\n");
    }

    #[test]
    fn other_columns_have_another_header() {
        let mut lines = Lines::default();
        assert_eq!(row(&mut lines, &["A"], &["1"]), "A\n-\n1\n");
        assert_eq!(row(&mut lines, &["B"], &["2"]), "B\n-\n2\n");
    }
}
