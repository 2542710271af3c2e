//! Keeps the policy, and how it came to be, across restarts, crashes and power cuts.

mod copies;
mod create;
mod error;
mod header;
mod history;
mod load;
mod prefix_blob;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod write;

pub use copies::{Copies, CopyError, GoodCopy, verify};
pub use error::StoreError;
pub use history::HistoryBounds;
pub use sqlite::SqliteStore;

use crate::policy::{Edit, Policy, Undo};

/// Where the policy is kept.
pub trait Store: Send {
    /// The policy of these registries, which are named as in config.toml. One that the store does not know gets a slot of its
    /// own and starts closed; one that is no longer named keeps its rules, and their counters, for when it is named again.
    fn load(&mut self, registries: &[String]) -> Result<Policy, StoreError>;

    /// Writes a revision, calls `enforce`, and keeps what was written only if that succeeded. After any
    /// error nothing is kept; when it is not [`StoreError::Enforce`], `enforce` may have been called and have succeeded. Returns the
    /// oldest revision that is remembered.
    fn commit(
        &mut self,
        revision: &Revision<'_>,
        enforce: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> Result<u64, StoreError>;

    /// The revisions that are remembered, the oldest first.
    fn history(&mut self) -> Result<Vec<Entry>, StoreError>;

    /// What leads from revision `newest` back to revision `oldest`, the newest first.
    fn undos(&mut self, oldest: u64, newest: u64) -> Result<Vec<Undo>, StoreError>;

    /// The change that is to be confirmed, if there is one.
    fn unconfirmed(&mut self) -> Result<Option<Unconfirmed>, StoreError>;

    /// Forgets that the last change is to be confirmed.
    fn confirm(&mut self) -> Result<(), StoreError>;

    /// Does what makes later commits no slower and can wait until nobody does. What was committed is safe without it. Until the
    /// next call, the file that is named holds all that was committed before this one, and does not change; none if it could not
    /// be brought that far.
    fn tidy(&mut self) -> Result<Option<std::path::PathBuf>, StoreError>;
}

/// A change as it is written: all of it in one transaction.
#[derive(Clone, Copy, Debug)]
pub struct Revision<'a> {
    /// What it does to the policy.
    pub edits: &'a [Edit],
    /// Who made it, with its number.
    pub entry: &'a Entry,
    /// What leads back.
    pub undo: &'a Undo,
    /// Until when it is to be confirmed, if it is. A revision that is not takes the place of one that was.
    pub unconfirmed: Option<&'a Unconfirmed>,
}

/// What is remembered of a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub revision: u64,
    /// When it was made, RFC 3339 in UTC.
    pub made: String,
    /// Who made it.
    pub who: String,
    /// From where.
    pub origin: String,
    /// What it changed, in a few words.
    pub what: String,
    /// The lower-case names of the registries that it is about; none if it is about what they share.
    pub registries: Vec<String>,
    /// Whether nothing is known of what was before it.
    pub beginning: bool,
}

/// Until when a change is to be confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// The revision that the change made.
    pub revision: u64,
    /// Within how many milliseconds it was to be confirmed.
    pub within: u64,
    /// Which boot of the machine it was made in.
    pub boot: String,
    /// The end, in milliseconds of that boot.
    pub boot_deadline: u64,
    /// The end, in milliseconds since 1970 as the clock of the machine went then.
    pub wall_deadline: u64,
}
