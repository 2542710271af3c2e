//! The revisions that the policy had: who made each, when, from where, and what leads back.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::{Entry, StoreError, Unconfirmed};
use crate::policy::Undo;

/// How much of the history is kept. The newest revision is kept whatever its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryBounds {
    /// The most revisions.
    pub revisions: usize,
    /// The most bytes of what leads back.
    pub bytes: usize,
}

impl Default for HistoryBounds {
    fn default() -> Self {
        Self { revisions: 1000, bytes: 64 << 20 }
    }
}

/// Which revisions are kept, the oldest first, and how many bytes lead back from each.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered(VecDeque<(u64, usize)>);

impl Remembered {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut all = connection.prepare("SELECT revision, length(undo) FROM revisions ORDER BY revision")?;
        let row =
            |row: &rusqlite::Row<'_>| Ok((unsigned(row.get(0)?), usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0)));
        Ok(Self(all.query_map([], row)?.collect::<rusqlite::Result<_>>()?))
    }

    /// With one revision more, and without those that are beyond the bounds.
    fn with(&self, revision: u64, bytes: usize, bounds: HistoryBounds) -> Self {
        let mut kept = self.clone();
        kept.0.push_back((revision, bytes));
        let mut total: usize = kept.0.iter().map(|(_, bytes)| bytes).sum();
        while kept.0.len() > 1 && (kept.0.len() > bounds.revisions || total > bounds.bytes) {
            total -= kept.0.pop_front().map_or(0, |(_, bytes)| bytes);
        }
        kept
    }

    /// The oldest revision that is kept.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.0.front().map(|(revision, _)| *revision)
    }
}

/// Writes a revision, and forgets what is beyond the bounds. Says what is kept once that is committed.
pub(super) fn write(
    connection: &Connection,
    kept: &Remembered,
    bounds: HistoryBounds,
    entry: &Entry,
    undo: &[u8],
) -> rusqlite::Result<Remembered> {
    insert(connection, entry, undo)?;
    let revision = &entry.revision;
    let after = kept.with(*revision, undo.len(), bounds);
    if after.oldest() > kept.oldest() && kept.oldest().is_some() {
        let mut forget = connection.prepare_cached("DELETE FROM revisions WHERE revision < ?1")?;
        forget.execute([signed(after.oldest().unwrap_or(*revision))])?;
    }
    Ok(after)
}

/// Forgets all revisions, and writes one of which nothing leads back.
pub(super) fn begin(connection: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM revisions")?.execute([])?;
    insert(connection, entry, &[])
}

fn insert(connection: &Connection, entry: &Entry, undo: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO revisions (revision, made, who, origin, what, registries, undo) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let Entry { revision, made, who, origin, what, registries, beginning: _ } = entry;
    let row = params![signed(*revision), made, who, origin, what, registries.join(" "), undo];
    connection.prepare_cached(sql)?.execute(row).map(drop)
}

/// All revisions that are kept, the oldest first.
pub(super) fn entries(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let sql = "SELECT revision, made, who, origin, what, registries, length(undo) = 0 FROM revisions ORDER BY revision";
    let mut all = connection.prepare(sql)?;
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(Entry {
            revision: unsigned(row.get(0)?),
            made: row.get(1)?,
            who: row.get(2)?,
            origin: row.get(3)?,
            what: row.get(4)?,
            registries: row.get_ref(5)?.as_str()?.split_whitespace().map(str::to_owned).collect(),
            beginning: row.get(6)?,
        })
    };
    all.query_map([], entry)?.collect()
}

/// What leads from `newest` back to `oldest`, the newest first.
pub(super) fn undos(
    connection: &Connection,
    oldest: u64,
    newest: u64,
    fault: impl Fn(String) -> StoreError,
) -> Result<Vec<Undo>, StoreError> {
    let sql = "SELECT revision, undo FROM revisions WHERE revision > ?1 AND revision <= ?2 ORDER BY revision DESC";
    let read = || {
        let mut all = connection.prepare(sql)?;
        let row = |row: &rusqlite::Row<'_>| Ok((unsigned(row.get(0)?), row.get::<_, Vec<u8>>(1)?));
        all.query_map([signed(oldest), signed(newest)], row)?.collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = read().map_err(|error| fault(error.to_string()))?;
    if !rows.iter().map(|(revision, _)| *revision).eq((oldest + 1..=newest).rev()) {
        return Err(fault(format!("the history has a hole between revision {oldest} and {newest}")));
    }
    let undo = |(revision, bytes): (u64, Vec<u8>)| {
        Undo::from_bytes(&bytes).map_err(|error| fault(format!("revision {revision}: {error}")))
    };
    rows.into_iter().map(undo).collect()
}

/// Replaces what is said of a change that is to be confirmed.
pub(super) fn write_unconfirmed(connection: &Connection, unconfirmed: Option<&Unconfirmed>) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM unconfirmed")?.execute([])?;
    if let Some(Unconfirmed { revision, within, boot, boot_deadline, wall_deadline }) = unconfirmed {
        let sql = "INSERT INTO unconfirmed (only, revision, within, boot, boot_deadline, wall_deadline) \
                   VALUES (1, ?1, ?2, ?3, ?4, ?5)";
        let row = params![signed(*revision), signed(*within), boot, signed(*boot_deadline), signed(*wall_deadline)];
        connection.prepare_cached(sql)?.execute(row)?;
    }
    Ok(())
}

pub(super) fn unconfirmed(connection: &Connection) -> rusqlite::Result<Option<Unconfirmed>> {
    let sql = "SELECT revision, within, boot, boot_deadline, wall_deadline FROM unconfirmed";
    let mut all = connection.prepare(sql)?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Unconfirmed {
            revision: unsigned(row.get(0)?),
            within: unsigned(row.get(1)?),
            boot: row.get(2)?,
            boot_deadline: unsigned(row.get(3)?),
            wall_deadline: unsigned(row.get(4)?),
        })
    };
    all.query_map([], row)?.next().transpose()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
