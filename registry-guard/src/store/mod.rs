//! Keeps the policy across restarts, crashes and power cuts.

mod create;
mod error;
mod header;
mod load;
mod prefix_blob;
mod schema;
mod sqlite;
#[cfg(test)]
mod tests;
mod write;

pub use error::StoreError;
pub use sqlite::SqliteStore;

use crate::policy::{Edit, Policy};

/// Where the policy is kept.
pub trait Store: Send {
    /// The policy of these registries, which are named as in config.toml. One that the store does not know gets a slot of its
    /// own and starts closed; one that is no longer named keeps its rules, and their counters, for when it is named again.
    fn load(&mut self, registries: &[String]) -> Result<Policy, StoreError>;

    /// Writes the edits and the revision, calls `enforce`, and keeps what was written only if that succeeded. After any
    /// error nothing is kept; when it is not [`StoreError::Enforce`], `enforce` may have been called and have succeeded.
    fn commit(
        &mut self,
        revision: u64,
        edits: &[Edit],
        enforce: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> Result<(), StoreError>;

    /// Does what makes later commits no slower and can wait until nobody does. What was committed is safe without it.
    fn tidy(&mut self) -> Result<(), StoreError>;
}
