use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::copies::Copies;
use super::create::create;
use super::header::is_store;
use super::history::{self, Remembered};
use super::schema::{VERSION, steps_from};
use super::write::{Writer, set_revision};
use super::{Entry, HistoryBounds, Revision, Store, StoreError, Unconfirmed, load};
use crate::policy::{Policy, Undo};

/// A store in one `SQLite` file, which it holds for itself.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    written: Arc<AtomicU64>,
    bounds: HistoryBounds,
    kept: Remembered,
}

impl SqliteStore {
    /// The name of the file in the folder.
    pub const FILE: &str = "policy.db";

    /// Opens the store in `folder`, both of which are made if they do not exist.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(Self::FILE);
        if let Err(error) = DirBuilder::new().recursive(true).mode(0o700).create(folder) {
            return Err(StoreError::Unusable { path, problem: format!("cannot make its folder: {error}") });
        }
        if !is_store(&path)? {
            match Copies::beside(folder).list().len() {
                0 => create(&path)?,
                copies => return Err(StoreError::Missing { path, copies }),
            }
        }
        Self::open_file(path)
    }

    /// Opens the store in `folder`, where there is one.
    pub fn open_existing(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(Self::FILE);
        if is_store(&path)? { Self::open_file(path) } else { Err(StoreError::Missing { path, copies: 0 }) }
    }

    fn open_file(path: PathBuf) -> Result<Self, StoreError> {
        let connection = connect(&path).map_err(|error| StoreError::from_sqlite(&path, &error))?;
        let (bounds, kept) = (HistoryBounds::default(), Remembered::default());
        let mut store = Self { path, connection, written: Arc::default(), bounds, kept };
        let found = store.check()?;
        store.bring_up_to_date(found)?;
        store.kept = Remembered::read(&store.connection).map_err(|error| store.damage(&error))?;
        Ok(store)
    }

    /// Begins the history anew with this revision, of which nothing else is written.
    pub fn begin_history(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let Self { path, connection, .. } = self;
        let fault = |error| StoreError::from_sqlite(path, &error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        set_revision(&transaction, entry.revision).map_err(fault)?;
        history::begin(&transaction, entry).map_err(fault)?;
        history::write_unconfirmed(&transaction, None).map_err(fault)?;
        transaction.commit().map_err(fault)
    }

    /// Remembers no more than this.
    pub fn remember(&mut self, bounds: HistoryBounds) {
        self.bounds = bounds;
    }

    /// Counts the rules that it writes here.
    pub fn count_in(&mut self, written: Arc<AtomicU64>) {
        self.written = written;
    }

    /// The names in lower case of all registries that there is a policy for, wanted or not.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn known(&self) -> Result<Vec<String>, StoreError> {
        let fault = |error: rusqlite::Error| self.fault(&error);
        let mut question = self.connection.prepare("SELECT key FROM registries ORDER BY key").map_err(fault)?;
        let names = question.query_map([], |row| row.get(0)).map_err(fault)?;
        names.collect::<Result<_, _>>().map_err(fault)
    }

    /// The layout of a file that is whole.
    fn check(&self) -> Result<i64, StoreError> {
        let ask =
            |question: &str| self.connection.query_row(question, [], |row| row.get::<_, rusqlite::types::Value>(0));
        let path = || self.path.clone();
        let version = ask("PRAGMA user_version").map_err(|error| self.fault(&error))?;
        let found = match version {
            rusqlite::types::Value::Integer(found) if found > VERSION => {
                return Err(StoreError::Newer { path: path(), found, known: VERSION });
            }
            rusqlite::types::Value::Integer(found) if found > 0 => found,
            _ => return Err(StoreError::Corrupt { path: path(), problem: "it has no layout version".to_owned() }),
        };
        match ask("PRAGMA quick_check(1)").map_err(|error| self.fault(&error))? {
            rusqlite::types::Value::Text(answer) if answer == "ok" => Ok(found),
            rusqlite::types::Value::Text(problem) => {
                Err(StoreError::Corrupt { path: path(), problem: problem.replace('\n', " ") })
            }
            _ => Err(StoreError::Corrupt { path: path(), problem: "it cannot be checked".to_owned() }),
        }
    }

    /// Leads an older layout to this version's, in one transaction: after a crash it is the old one or the new one.
    fn bring_up_to_date(&self, found: i64) -> Result<(), StoreError> {
        if found == VERSION {
            return Ok(());
        }
        tracing::info!(found, known = VERSION, path = %self.path.display(), "policy store brought up to date");
        let found = usize::try_from(found).unwrap_or(usize::MAX);
        self.connection.execute_batch(&steps_from(found)).map_err(|error| self.fault(&error))
    }

    pub(super) fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.path, error)
    }

    /// Values of another type than the column's are damage, like pages that `SQLite` cannot read.
    fn damage(&self, error: &rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            None => StoreError::Corrupt { path: self.path.clone(), problem: error.to_string() },
            Some(_) => self.fault(error),
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // In this order: the lock is taken with the first access to the log.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Room for the index of 1,000,000 prefixes, in KiB; and how much of the log stays after a large change, in bytes.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    // Not in the middle of a commit; see `Store::tidy`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

impl Store for SqliteStore {
    fn load(&mut self, registries: &[String]) -> Result<Policy, StoreError> {
        load::load(self, registries)
    }

    fn commit(
        &mut self,
        revision: &Revision<'_>,
        enforce: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> Result<u64, StoreError> {
        let Self { path, connection, written, bounds, kept } = self;
        let fault = |error| StoreError::from_sqlite(path, &error);
        let Revision { edits, entry, undo, unconfirmed } = revision;
        let undo = undo.to_bytes().map_err(|error| StoreError::Enforce(error.into()))?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let mut writer = Writer::new(path, &transaction, entry.revision, written);
        for edit in *edits {
            writer.write(edit)?;
        }
        set_revision(&transaction, entry.revision).map_err(fault)?;
        let remembered = history::write(&transaction, kept, *bounds, entry, &undo).map_err(fault)?;
        history::write_unconfirmed(&transaction, *unconfirmed).map_err(fault)?;
        // A full disk shows here, before anything is enforced.
        transaction.cache_flush().map_err(fault)?;
        enforce().map_err(StoreError::Enforce)?;
        transaction.commit().map_err(fault)?;
        *kept = remembered;
        Ok(kept.oldest().unwrap_or(entry.revision))
    }

    fn history(&mut self) -> Result<Vec<Entry>, StoreError> {
        history::entries(&self.connection).map_err(|error| self.damage(&error))
    }

    fn undos(&mut self, oldest: u64, newest: u64) -> Result<Vec<Undo>, StoreError> {
        let damage = |problem| StoreError::Corrupt { path: self.path.clone(), problem };
        history::undos(&self.connection, oldest, newest, damage)
    }

    fn unconfirmed(&mut self) -> Result<Option<Unconfirmed>, StoreError> {
        history::unconfirmed(&self.connection).map_err(|error| self.damage(&error))
    }

    fn confirm(&mut self) -> Result<(), StoreError> {
        history::write_unconfirmed(&self.connection, None).map_err(|error| self.fault(&error))
    }

    /// Moves what stands in the log to the file. From then on a commit goes to the log, which nothing but the next call moves on.
    fn tidy(&mut self) -> Result<Option<PathBuf>, StoreError> {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
        });
        moved.map(|all| all.then(|| self.path.clone())).map_err(|error| self.fault(&error))
    }
}
