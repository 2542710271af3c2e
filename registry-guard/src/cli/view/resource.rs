//! Small answers: any JSON, and the columns that matter to people.

use serde::Serialize;
use serde_json::Value;

use crate::cli::output::{Table, View};

/// A heading and the JSON pointer of what stands below it.
pub(crate) type Column = (&'static str, &'static str);

/// One object, or a list of them.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ResourceView {
    value: Value,
    #[serde(skip)]
    columns: &'static [Column],
}

impl ResourceView {
    /// `columns` shape the table; every other format prints `value` whole.
    pub(crate) fn new(value: Value, columns: &'static [Column]) -> Self {
        Self { value, columns }
    }
}

impl View for ResourceView {
    fn tables(&self) -> Vec<Table> {
        let resources = self.value.as_array().map_or(std::slice::from_ref(&self.value), Vec::as_slice);
        let mut table = Table::new(self.columns.iter().map(|(heading, _)| *heading));
        table.rows = resources
            .iter()
            .map(|resource| self.columns.iter().map(|(_, path)| text(resource.pointer(path))).collect())
            .collect();
        vec![table]
    }
}

/// A value in a cell: lists of scalars in full, lists of objects by their length.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(elements)) if elements.iter().any(|element| element.is_object() || element.is_array()) => {
            elements.len().to_string()
        }
        Some(Value::Array(elements)) => {
            elements.iter().map(|element| text(Some(element))).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}
