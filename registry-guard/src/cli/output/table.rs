//! Columns for people, in the look of `az`.

use std::io::{self, Write};

use comfy_table::{TableComponent, presets};
use jmespath::{Rcvar, Variable};

use super::query::Answer;

/// What `az` leaves out of a table that it shapes itself.
const HIDDEN: [&str; 3] = ["id", "type", "etag"];

/// Rows under a header, every row as wide as the header.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Printed above the header, for answers of several tables.
    pub(crate) title: Option<String>,
    /// Column names.
    pub(crate) header: Vec<String>,
    /// One text per column.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self { title: None, header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Lines that are no columns, printed as they are.
    pub(crate) fn of_lines(lines: Vec<String>) -> Self {
        Self { rows: lines.into_iter().map(|line| vec![line]).collect(), ..Self::default() }
    }

    /// Shapes a query's answer as `az` does: scalars only, columns in the order they first appear.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let rows: Vec<Vec<(String, String)>> = match answer.value.as_array() {
            Some(rows) => rows.iter().map(|row| named_cells(answer, row)).collect(),
            None => vec![named_cells(answer, &answer.value)],
        };
        let mut header: Vec<String> = Vec::new();
        for (name, _) in rows.iter().flatten() {
            if !header.contains(name) {
                header.push(name.clone());
            }
        }
        let rows = rows.into_iter().map(|cells| place(&header, cells)).collect();
        Self { title: None, header, rows }
    }

    /// Writes title, header, rule and rows; an empty table says nothing.
    pub(crate) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        if self.header.is_empty() {
            return self.rows.iter().flatten().try_for_each(|line| writeln!(out, "{line}"));
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        if let Some(title) = &self.title {
            writeln!(out, "{title}")?;
        }
        let last = self.header.len() - 1;
        let mut table = comfy_table::Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_style(TableComponent::HeaderLines, '-')
            .set_style(TableComponent::MiddleHeaderIntersections, ' ')
            .set_style(TableComponent::VerticalLines, ' ')
            .set_header(self.header)
            .add_rows(self.rows);
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, u16::from(place != last)));
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn place(header: &[String], cells: Vec<(String, String)>) -> Vec<String> {
    let mut row = vec![String::new(); header.len()];
    for (name, text) in cells {
        if let Some(column) = header.iter().position(|candidate| *candidate == name) {
            row[column] = text;
        }
    }
    row
}

fn named_cells(answer: &Answer, row: &Rcvar) -> Vec<(String, String)> {
    match &**row {
        Variable::Object(object) => answer
            .ordered(object)
            .into_iter()
            .filter(|(key, cell)| !HIDDEN.contains(key) && !cell.is_null() && !cell.is_array() && !cell.is_object())
            .map(|(key, cell)| (capitalized(key), python_text(cell)))
            .collect(),
        Variable::Array(cells) => cells
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                (format!("Column{}", column + 1), if cell.is_null() { String::new() } else { python_text(cell) })
            })
            .collect(),
        _ => vec![("Result".to_owned(), python_text(row))],
    }
}

fn capitalized(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A scalar as Python's `str` writes it, which is what scripts written for `az` compare with.
pub(super) fn python_text(scalar: &Variable) -> String {
    match scalar {
        Variable::Null => "None".to_owned(),
        Variable::Bool(true) => "True".to_owned(),
        Variable::Bool(false) => "False".to_owned(),
        Variable::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::output::Query;

    fn table(data: &Value, query: &str) -> String {
        let mut out = Vec::new();
        Table::of_answer(&Query::parse(query).unwrap().search(data).unwrap()).write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn objects_become_columns_in_the_order_of_the_query() {
        let data = json!([{"name": "office", "subnets": [{"name": "ci"}]}, {"name": "lab", "subnets": []}]);
        assert_eq!(
            table(&data, "[].{Name: name, Subnet: subnets[0].name}"),
            "Name    Subnet\n------- ------\noffice  ci\nlab\n"
        );
    }

    #[test]
    fn ids_lists_and_nulls_are_left_out() {
        let data = json!({"id": "/x", "type": "t", "etag": "e", "list": [1], "gone": null, "b": true, "a": 1});
        assert_eq!(table(&data, "@"), "A  B\n-- ----\n1  True\n");
    }

    #[test]
    fn scalars_and_lists_get_names() {
        assert_eq!(table(&json!(["a", "b"]), "@"), "Result\n------\na\nb\n");
        assert_eq!(table(&json!([["a", 1]]), "@"), "Column1  Column2\n-------- -------\na        1\n");
    }

    #[test]
    fn nothing_is_printed_for_no_rows() {
        assert_eq!(table(&json!([]), "@"), "");
        assert_eq!(table(&json!({}), "@"), "");
    }
}
