use std::fs;

use anyhow::{Context, Result};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::agent::Agent;

impl Agent {
    /// Every row of the policy store, as text, table by table. It is read from a copy, since an agent keeps the file for
    /// itself; what was committed stands in the file and its log.
    pub fn store_rows(&self) -> Result<Vec<String>> {
        let copy = tempfile::tempdir()?;
        for name in ["policy.db", "policy.db-wal"] {
            let original = self.state().join(name);
            if original.exists() {
                fs::copy(&original, copy.path().join(name))
                    .with_context(|| format!("copying {}", original.display()))?;
            }
        }
        let store = Connection::open(copy.path().join("policy.db"))?;
        let mut tables = store.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?;
        let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let mut rows = Vec::new();
        for table in tables {
            rows.extend(rows_of(&store, &table)?);
        }
        Ok(rows)
    }
}

fn rows_of(store: &Connection, table: &str) -> Result<Vec<String>> {
    let mut every = store.prepare(&format!("SELECT * FROM {table} ORDER BY 1"))?;
    let columns = every.column_count();
    let text = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
        let values = (0..columns).map(|column| row.get_ref(column).map(shown));
        Ok(format!("{table}: {}", values.collect::<rusqlite::Result<Vec<_>>>()?.join(" | ")))
    };
    Ok(every.query_map([], text)?.collect::<rusqlite::Result<_>>()?)
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}
