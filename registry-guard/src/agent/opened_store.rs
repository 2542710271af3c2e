//! The policy store as the agent finds it when it starts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tracing::warn;

use super::AgentError;
use super::change::entry;
use super::history::past;
use super::moment::Moment;
use super::unconfirmed::limits_for_what_was;
use crate::config::Config;
use crate::policy::{Change, Policy, Undo};
use crate::store::{Entry, HistoryBounds, Revision, SqliteStore, Store, StoreError, Unconfirmed};

/// What the store holds.
pub(super) struct Opened {
    pub(super) store: SqliteStore,
    pub(super) policy: Policy,
    pub(super) history: Vec<Entry>,
    pub(super) unconfirmed: Option<Unconfirmed>,
}

/// Opens the store in `folder`. What should have been confirmed by now is taken back before anything of it is enforced.
pub(super) fn open(folder: &Path, config: &Config, written: &Arc<AtomicU64>) -> Result<Opened, StoreError> {
    let mut store = SqliteStore::open(folder)?;
    store.count_in(Arc::clone(written));
    store.remember(HistoryBounds {
        revisions: usize::try_from(config.history.revisions).unwrap_or(usize::MAX),
        bytes: usize::try_from(config.history.megabytes).unwrap_or(usize::MAX).saturating_mul(1 << 20),
    });
    let mut policy = store.load(&config.registry_names())?;
    let mut unconfirmed = store.unconfirmed()?;
    if let Some(overdue) = unconfirmed.take_if(|unconfirmed| unconfirmed.remaining(&Moment::now()).is_zero()) {
        match take_back(&mut store, &policy, config, &overdue) {
            Ok(before) => policy = before,
            Err(problem) => {
                warn!(revision = overdue.revision, %problem, "a change that nobody confirmed cannot be taken back yet");
                unconfirmed = Some(overdue);
            }
        }
    }
    let history = store.history()?;
    Ok(Opened { store, policy, history, unconfirmed })
}

fn take_back(
    store: &mut SqliteStore,
    policy: &Policy,
    config: &Config,
    overdue: &Unconfirmed,
) -> Result<Policy, AgentError> {
    let to = overdue.revision.saturating_sub(1);
    let before = policy.clone().before(store.undos(to, policy.revision)?);
    let limits = limits_for_what_was(&config.policy_limits(), policy.registries.keys().cloned());
    let edits = policy.validate(&Change::RollBack(past(&before)?), &limits)?;
    let revision = policy.revision + 1;
    let entry = entry(policy, &edits, revision, &overdue.author(), Some(&format!("back to {to}")));
    let undo = Undo::of(policy, &edits);
    store.commit(&Revision { edits: &edits, entry: &entry, undo: &undo, unconfirmed: None }, &mut || Ok(()))?;
    warn!(revision, to, "a change that nobody confirmed was taken back");
    let mut after = policy.clone();
    after.apply(&edits);
    after.revision = revision;
    Ok(after)
}
