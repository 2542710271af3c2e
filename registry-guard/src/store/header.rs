//! Looks at a file before `SQLite` does, so that nothing foreign is ever written to.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::StoreError;
use super::schema::APPLICATION_ID;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const LENGTH: usize = 100;
const APPLICATION_ID_AT: usize = 68;

/// Whether there is a policy store at `path`; an error when there is anything else.
pub(super) fn is_store(path: &Path) -> Result<bool, StoreError> {
    let foreign = |problem: &str| StoreError::Foreign { path: path.to_owned(), problem: problem.to_owned() };
    let corrupt = |problem: &str| StoreError::Corrupt { path: path.to_owned(), problem: problem.to_owned() };
    let unusable = |error: std::io::Error| StoreError::Unusable { path: path.to_owned(), problem: error.to_string() };

    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unusable(error)),
    };
    if !file.metadata().map_err(unusable)?.is_file() {
        return Err(foreign("not a regular file"));
    }
    let mut header = Vec::with_capacity(LENGTH);
    file.by_ref().take(LENGTH as u64).read_to_end(&mut header).map_err(unusable)?;
    let begun = header.len().min(MAGIC.len());
    if header[..begun] != MAGIC[..begun] {
        return Err(foreign("not an SQLite file"));
    }
    if header.len() < LENGTH {
        return Err(corrupt(&format!("cut off after {} bytes", header.len())));
    }
    if header[APPLICATION_ID_AT..APPLICATION_ID_AT + 4] != APPLICATION_ID.to_be_bytes() {
        return Err(foreign("an SQLite file of another program"));
    }
    Ok(true)
}
