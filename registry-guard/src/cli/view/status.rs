//! `status -o table`: the scalars first, then one table per list or object.

use serde::Serialize;
use serde_json::Value;

use super::resource::text;
use crate::cli::output::{Table, View};

/// The agent's status.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct StatusView(pub(crate) Value);

impl View for StatusView {
    fn tables(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        collect("", &self.0, &mut tables);
        tables
    }
}

/// Adds the table of `value`, whose place in the status is `path`, and those of what it holds.
fn collect(path: &str, value: &Value, tables: &mut Vec<Table>) {
    let title = (!path.is_empty()).then(|| path.to_owned());
    let below = |key: &str| {
        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
    };
    match value {
        Value::Object(object) => {
            let (nested, scalars): (Vec<_>, Vec<_>) = object.iter().partition(|(_, value)| is_nested(value));
            let mut table = Table { title, ..Table::new(["NAME", "VALUE"]) };
            table.rows = scalars.into_iter().map(|(key, value)| vec![key.clone(), text(Some(value))]).collect();
            if !table.rows.is_empty() {
                tables.push(table);
            }
            for (key, value) in nested {
                collect(&below(key), value, tables);
            }
        }
        Value::Array(elements) => {
            tables.push(Table { title, ..of_objects(elements) });
            for element in elements {
                let name = element.get("name").and_then(Value::as_str).unwrap_or_default();
                for (key, value) in element.as_object().into_iter().flatten().filter(|(_, value)| is_nested(value)) {
                    collect(&below(&format!("{name}.{key}")), value, tables);
                }
            }
        }
        scalar => tables.push(Table { title, header: vec!["VALUE".to_owned()], rows: vec![vec![text(Some(scalar))]] }),
    }
}

/// Whether a value deserves a table of its own.
fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(object) => !object.is_empty(),
        Value::Array(elements) => elements.iter().any(Value::is_object),
        _ => false,
    }
}

/// One row per object, its name first; what deserves a table of its own is left out.
fn of_objects(elements: &[Value]) -> Table {
    let mut keys = vec!["name"];
    for (key, value) in elements.iter().filter_map(Value::as_object).flatten() {
        if !is_nested(value) && !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let mut table = Table::new(keys.iter().map(|key| heading(key)));
    table.rows = elements.iter().map(|element| keys.iter().map(|key| text(element.get(key))).collect()).collect();
    table
}

/// `defaultAction` is headed `DEFAULT ACTION`.
fn heading(key: &str) -> String {
    let mut heading = String::new();
    for letter in key.chars() {
        if letter.is_uppercase() {
            heading.push(' ');
        }
        heading.extend(letter.to_uppercase());
    }
    heading
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_part_of_the_status_has_its_place() {
        let status = json!({"revision": 7, "layers": ["xdp"], "counters": {"allow": 1, "deny": {"NoRule": 2}},
            "interfaces": [{"name": "eth0", "mode": "native"}, {"name": "eth1", "note": "absent"}],
            "registries": [{"name": "contoso", "ipRules": 2, "endpoints": ["a", "b"], "counters": {"NoRule": 3}}]});
        let mut out = Vec::new();
        for table in StatusView(status).tables() {
            table.write(&mut out).unwrap();
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "NAME      VALUE\n--------- -----\nlayers    xdp\nrevision  7\n\
             counters\nNAME   VALUE\n------ -----\nallow  1\n\
             counters.deny\nNAME    VALUE\n------- -----\nNoRule  2\n\
             interfaces\nNAME  MODE    NOTE\n----- ------- ------\neth0  native\neth1          absent\n\
             registries\nNAME     ENDPOINTS  IP RULES\n-------- ---------- --------\ncontoso  a, b       2\n\
             registries.contoso.counters\nNAME    VALUE\n------- -----\nNoRule  3\n"
        );
    }
}
