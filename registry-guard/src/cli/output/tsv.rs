//! Tab-separated values, word for word as `az` writes them: `True`, `False` and `None` inside a row, the length of a nested
//! list, nothing for a nested object.

use std::io::{self, Write};

use jmespath::{Rcvar, Variable};

use super::query::Answer;

/// Writes a list as one row per element, anything else as one row.
pub(super) fn write(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    match answer.value.as_array() {
        Some(rows) => rows.iter().try_for_each(|row| write_row(out, answer, row)),
        None => write_row(out, answer, &answer.value),
    }
}

fn write_row(out: &mut dyn Write, answer: &Answer, row: &Rcvar) -> io::Result<()> {
    match &**row {
        Variable::Array(cells) => write_cells(out, cells.iter())?,
        Variable::Object(object) => write_cells(out, answer.ordered(object).into_iter().map(|(_, cell)| cell))?,
        Variable::Bool(value) => write!(out, "{value}")?,
        _ => write_cell(out, row)?,
    }
    writeln!(out)
}

fn write_cells<'a>(out: &mut dyn Write, cells: impl Iterator<Item = &'a Rcvar>) -> io::Result<()> {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            out.write_all(b"\t")?;
        }
        write_cell(out, cell)?;
    }
    Ok(())
}

fn write_cell(out: &mut dyn Write, cell: &Variable) -> io::Result<()> {
    match cell {
        Variable::Array(elements) => write!(out, "{}", elements.len()),
        Variable::Object(_) => Ok(()),
        scalar => out.write_all(super::table::python_text(scalar).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::output::Query;

    fn tsv(data: &Value, query: &str) -> String {
        let mut out = Vec::new();
        write(&mut out, &Query::parse(query).unwrap().search(data).unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_string_is_unwrapped() {
        assert_eq!(tsv(&json!("contoso"), "@"), "contoso\n");
        assert_eq!(tsv(&json!(["a", "b"]), "@"), "a\nb\n");
    }

    #[test]
    fn an_object_is_one_row_sorted_by_key() {
        assert_eq!(tsv(&json!({"b": 2, "a": "x", "c": [1, 2, 3], "d": {"e": 1}}), "@"), "x\t2\t3\t\n");
    }

    #[test]
    fn a_multi_select_keeps_its_order() {
        let rows = json!([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]);
        assert_eq!(tsv(&rows, "[].[b, a]"), "x\t1\ny\t2\n");
        assert_eq!(tsv(&rows, "[].{second: b, first: a}"), "x\t1\ny\t2\n");
    }

    #[test]
    fn booleans_and_null_are_spelled_as_az_spells_them() {
        assert_eq!(tsv(&json!(true), "@"), "true\n");
        assert_eq!(tsv(&json!([[true, null, 7]]), "@"), "True\tNone\t7\n");
    }

    #[test]
    fn an_empty_list_prints_nothing() {
        assert_eq!(tsv(&json!([]), "@"), "");
    }
}
