use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::Connection;

use super::StoreError;
use super::schema::{APPLICATION_ID, steps_from};

/// Makes an empty store at `path`, which is there whole or not at all. One that another process made meanwhile stays.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let unusable = |problem: String| StoreError::Unusable { path: path.to_owned(), problem };
    let from_io = |error: std::io::Error| unusable(error.to_string());
    let log = path.with_extension("db-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        let problem = format!("the file is missing, but its log {} is there", log.display());
        return Err(StoreError::Corrupt { path: path.to_owned(), problem });
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new().prefix(".policy-").suffix(".db").tempfile_in(folder).map_err(from_io)?;
    fill(draft.path()).map_err(|error| unusable(error.to_string()))?;
    draft.as_file().sync_all().map_err(from_io)?;
    match draft.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(from_io(error.error)),
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(from_io)
}

fn fill(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; {}", steps_from(0)))?;
    connection.close().map_err(|(_, error)| error)
}
