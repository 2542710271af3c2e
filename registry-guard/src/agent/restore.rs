//! Puts a policy back that was kept elsewhere: a good copy, or a file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use tracing::{error, warn};

use super::history::past;
use super::opened_store::{self, Opened};
use super::{Agent, AgentError, Changed, Terms};
use crate::compile::compile;
use crate::kernel::LoadedTable;
use crate::policy::{Change, Policy, Registry};
use crate::store::{Copies, Entry, GoodCopy, SqliteStore, StoreError, verify};

/// The lost store may have been ahead of its copies. No revision that it may have had is given again.
const AHEAD: u64 = 1000;

/// Where a policy comes from that is to be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The newest good copy.
    LastGood,
    /// A policy store in a file.
    File(PathBuf),
    /// The policy of this revision: of the history, or else of a good copy.
    Revision(u64),
}

/// What was put back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What became of it.
    pub changed: Changed,
    /// Where it came from.
    pub from: String,
    /// Where the store is now that could not be used, if there was one.
    pub moved: Option<PathBuf>,
}

/// How the names of folders begin in which copies are opened.
const OPENED: &str = ".restore-";

/// Removes copies that were open when an agent was killed.
pub(super) fn remove_abandoned(state: &Path) {
    let is_one = |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(OPENED.as_bytes());
    for entry in fs::read_dir(state).into_iter().flatten().flatten().filter(is_one) {
        if let Err(problem) = fs::remove_dir_all(entry.path()) {
            warn!(path = %entry.path().display(), %problem, "a copy that nobody needs stays");
        }
    }
}

/// A copy that was opened: in a folder of its own, so that it stays as it is.
struct OpenedCopy {
    /// The store, closed again, as this version writes it.
    file: tempfile::TempDir,
    policy: Policy,
}

impl Agent {
    /// The good copies, the newest first.
    pub fn copies(&self) -> Vec<GoodCopy> {
        Copies::beside(&self.0.state).list()
    }

    /// Makes the policy what a good copy or a file says, and returns after the kernel enforces it. A store that cannot be used is moved
    /// aside. Blocks.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn restore(&self, terms: &Terms<'_>, source: &Source) -> Result<Restored, AgentError> {
        let readable = self.store_problem().is_none();
        if let (true, Source::Revision(revision)) = (readable, source)
            && (self.history(None, Some(0))?.complete_from..=self.policy()?.revision).contains(revision)
        {
            let (_, changed, _) = self.roll_back(terms, Some(*revision), false)?;
            return Ok(Restored { changed, from: format!("revision {revision} of the history"), moved: None });
        }
        let path = self.path_of(source)?;
        let copy = self.opened(&path)?;
        let from = path.display().to_string();
        if readable {
            return self.change_to(terms, &copy, from);
        }
        self.replace_store(terms, &copy, from)
    }

    /// On a store that is fine it is a change like any other.
    fn change_to(&self, terms: &Terms<'_>, copy: &OpenedCopy, from: String) -> Result<Restored, AgentError> {
        let change = Change::RollBack(past(&copy.policy)?);
        let why = format!("restored from {from}");
        let (changed, ()) = self.carry_out(terms, &change, &self.0.limits, Some(&why), |_, _| ())?;
        Ok(Restored { changed, from, moved: None })
    }

    fn path_of(&self, source: &Source) -> Result<PathBuf, AgentError> {
        let copies = self.copies();
        let (found, asked) = match source {
            Source::File(path) => return Ok(path.clone()),
            Source::LastGood => (copies.first(), "last-good".to_owned()),
            Source::Revision(revision) => (copies.iter().find(|copy| copy.revision == *revision), revision.to_string()),
        };
        let there = || {
            let revisions: Vec<String> = copies.iter().map(|copy| copy.revision.to_string()).collect();
            if revisions.is_empty() {
                "there is none".to_owned()
            } else {
                format!("revisions {}", revisions.join(", "))
            }
        };
        found.map(|copy| copy.path.clone()).ok_or_else(|| AgentError::NoSuchCopy { asked, there: there() })
    }

    /// A copy with the hash that it should have, whole, of a layout that this version knows.
    fn opened(&self, path: &Path) -> Result<OpenedCopy, AgentError> {
        let open = || -> Result<OpenedCopy, String> {
            verify(path).map_err(|problem| problem.to_string())?;
            let folder = tempfile::Builder::new().prefix(OPENED).tempdir_in(&self.0.state);
            let folder = folder.map_err(|error| format!("{}: {error}", self.0.state.display()))?;
            let file = folder.path().join(SqliteStore::FILE);
            let text = |problem: String| problem.replace(&file.display().to_string(), &path.display().to_string());
            fs::copy(path, &file).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut store = SqliteStore::open_existing(folder.path()).map_err(|problem| text(problem.to_string()))?;
            let policy = crate::store::Store::load(&mut store, &self.config().registry_names())
                .map_err(|problem| text(problem.to_string()))?;
            Ok(OpenedCopy { file: folder, policy })
        };
        open().map_err(|problem| {
            let copies = self.copies();
            let place = copies.iter().position(|copy| copy.path == path);
            let older = place.and_then(|place| copies.get(place + 1)).map(|copy| copy.path.clone());
            AgentError::CopyUnusable { problem, older }
        })
    }

    /// Puts a copy in the place of a store that cannot be used, and its policy in force.
    fn replace_store(&self, terms: &Terms<'_>, copy: &OpenedCopy, from: String) -> Result<Restored, AgentError> {
        let mut store = self.store();
        if store.is_some() {
            // Somebody else was faster.
            drop(store);
            return self.change_to(terms, copy, from);
        }
        if self.is_detached() {
            return Err(AgentError::Detached);
        }
        let highest = self.copies().iter().map(|copy| copy.revision).max().unwrap_or(0).max(copy.policy.revision);
        let entry = Entry {
            revision: highest + AHEAD,
            made: format_rfc3339_seconds(SystemTime::now()).to_string(),
            who: terms.author.who.clone(),
            origin: terms.author.origin.clone(),
            what: format!("restored from {from}, with the policy of revision {}", copy.policy.revision),
            registries: Vec::new(),
            beginning: true,
        };
        let mut begun = SqliteStore::open_existing(copy.file.path())?;
        begun.begin_history(&entry)?;
        drop(begun);
        let mut policy = copy.policy.clone();
        policy.revision = entry.revision;
        let tables = self.tables_of(&policy)?;
        let moved = put_in_place(&self.0.state, copy.file.path())?;
        let opened = opened_store::open(&self.0.state, self.config(), &self.0.written)?;
        self.put_in_force(&policy, tables)?;
        let Opened { store: fresh, history, unconfirmed, .. } = opened;
        *store = Some(Box::new(fresh));
        self.0.history.set(history);
        self.0.unconfirmed.send_replace(unconfirmed);
        *self.0.store_problem.write().unwrap_or_else(PoisonError::into_inner) = None;
        drop(store);
        self.0.stored.notify_one();
        warn!(from, revision = policy.revision, "the policy store was replaced, and is in force");
        let names: Vec<String> = policy.registries.keys().cloned().collect();
        let destroyed = self.revoke(&names);
        let changed = Changed { revision: policy.revision, changed: true, destroyed, enforced: None, stored: None };
        Ok(Restored { changed, from, moved })
    }

    fn tables_of(&self, policy: &Policy) -> Result<Vec<(u32, LoadedTable)>, AgentError> {
        let capacity = self.0.trusted.capacity(self.0.limits.rules);
        if let Some(highest) = policy.counters.highest().filter(|highest| *highest >= self.0.limits.rules) {
            let problem = format!(
                "limits.rules: {} is too few for the rules in the copy; accepted is {} or more",
                self.0.limits.rules,
                u64::from(highest) + 1
            );
            return Err(AgentError::Kernel(problem));
        }
        let table = |registry: &Registry| {
            Ok((registry.slot, LoadedTable::build(&compile(registry, policy, &self.0.trusted), capacity)?))
        };
        policy.registries.values().map(table).collect()
    }

    /// Nobody is judged by the table of another registry: where slots change hands, all of them deny meanwhile.
    fn put_in_force(&self, policy: &Policy, tables: Vec<(u32, LoadedTable)>) -> Result<(), AgentError> {
        let same = self.read(|before| {
            policy
                .registries
                .iter()
                .all(|(key, registry)| before.registries.get(key).is_some_and(|before| before.slot == registry.slot))
        });
        if !same {
            let before: Vec<u32> =
                self.read(|before| before.registries.values().map(|registry| registry.slot).collect());
            let mut slots: Vec<u32> = policy.registries.values().map(|registry| registry.slot).chain(before).collect();
            slots.sort_unstable();
            slots.dedup();
            for slot in slots {
                let closed = opened_store::closed_table(slot, &self.0.trusted, self.0.limits.rules)?;
                self.kernel().swap(slot, closed)?;
            }
        }
        {
            let mut model = self.0.policy.write().unwrap_or_else(PoisonError::into_inner);
            *model = policy.clone();
        }
        if !same {
            self.follow_second_layer()?;
        }
        for (slot, table) in tables {
            if let Some(before) = self.kernel().swap(slot, table)? {
                before.retire();
            }
        }
        Ok(())
    }
}

/// Moves what is in the place of the store aside, and the prepared one there. Where it went, if there was something.
fn put_in_place(state: &Path, prepared: &Path) -> Result<Option<PathBuf>, AgentError> {
    let store = state.join(SqliteStore::FILE);
    let time = format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| {
            AgentError::Store(StoreError::Unusable { path: path.clone(), problem: error.to_string() })
        }
    };
    let mut moved = None;
    for ending in ["", "-wal", "-shm"] {
        let there = state.join(format!("{}{ending}", SqliteStore::FILE));
        if fs::symlink_metadata(&there).is_ok() {
            let aside = state.join(format!("{}.unreadable-{time}{ending}", SqliteStore::FILE));
            fs::rename(&there, &aside).map_err(failed(&there))?;
            moved.get_or_insert(aside);
        }
    }
    let sync = || File::open(state).and_then(|folder| folder.sync_all()).map_err(failed(state));
    sync()?;
    let file = prepared.join(SqliteStore::FILE);
    File::open(&file).and_then(|file| file.sync_all()).map_err(failed(&file))?;
    fs::rename(&file, &store).map_err(failed(&store))?;
    sync()?;
    if let Some(moved) = &moved {
        error!(moved = %moved.display(), "the policy store that could not be used was moved aside");
    }
    Ok(moved)
}
