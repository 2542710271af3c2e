//! The policy store as the agent finds it when it starts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use registry_guard_common::{Address, HOST};
use tracing::{error, warn};

use super::AgentError;
use super::change::entry;
use super::history::past;
use super::moment::Moment;
use super::unconfirmed::limits_for_what_was;
use crate::compile::{TrustedPrefixes, compile};
use crate::config::{Config, MOST_REGISTRIES, RegistryHost};
use crate::kernel::{Kernel, KernelError, LoadedTable};
use crate::policy::{BypassOptions, Change, Policy, Registry, Settings, Undo};
use crate::store::{Copies, Entry, HistoryBounds, Revision, SqliteStore, Store, StoreError, Unconfirmed, verify};

/// What the store holds.
pub(super) struct Opened {
    pub(super) store: SqliteStore,
    /// The registries that it had a policy for.
    pub(super) known: Vec<String>,
    pub(super) policy: Policy,
    pub(super) history: Vec<Entry>,
    pub(super) unconfirmed: Option<Unconfirmed>,
}

/// Opens the store in `folder`. What should have been confirmed by now is taken back before anything of it is enforced.
pub(super) fn open(folder: &Path, config: &Config, written: &Arc<AtomicU64>) -> Result<Opened, StoreError> {
    let mut store = SqliteStore::open(folder)?;
    let known = store.known()?;
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
    Ok(Opened { store, known, policy, history, unconfirmed })
}

/// A table that denies everyone, trusted services too.
pub(super) fn closed_table(slot: u32, trusted: &TrustedPrefixes, rules: u32) -> Result<LoadedTable, KernelError> {
    let settings = Settings { bypass: BypassOptions::None, ..Settings::FRESH };
    let closed = Registry::new("", slot, "", settings);
    LoadedTable::build(&compile(&closed, &Policy::default(), trusted), trusted.capacity(rules))
}

/// What the agent goes by while nobody knows the policy: where the registries' tables are.
struct Closed {
    /// The registries, each with its slot and without rules.
    policy: Policy,
    /// What is to be put in force where it is not sure that the table in the kernel is that of the registry.
    tables: Vec<(u32, LoadedTable)>,
}

/// The tables that an earlier agent put in force for these registries stay in force: those in the one slot that the kernel knows for
/// all addresses of a registry and of no other, unless a good copy says otherwise. Every other registry denies everyone.
fn closed(folder: &Path, config: &Config, kernel: &Kernel, trusted: &TrustedPrefixes) -> Result<Closed, KernelError> {
    let copied = slots_of_copy(folder, &config.registry_names());
    let mut known = BTreeMap::new();
    for host in &config.registries {
        let copied = copied.get(&host.name.to_ascii_lowercase()).copied();
        let in_kernel = slot_in_kernel(host, kernel)?;
        known.insert(&host.name, in_kernel.filter(|slot| copied.is_none_or(|copied| copied == *slot)));
    }
    let count = |slot: u32| known.values().flatten().filter(|known| **known == slot).count();
    let sure: BTreeMap<&String, u32> =
        known.iter().filter_map(|(name, slot)| Some((*name, slot.filter(|slot| count(*slot) == 1)?))).collect();
    let mut free =
        (0..u32::try_from(MOST_REGISTRIES).unwrap_or(u32::MAX)).filter(|slot| !sure.values().any(|it| it == slot));
    let (mut registries, mut tables) = (BTreeMap::new(), Vec::new());
    for host in &config.registries {
        let known = sure.get(&host.name).copied();
        let Some(slot) = known.or_else(|| free.next()) else { continue };
        if known.is_none() {
            tables.push((slot, closed_table(slot, trusted, config.limits.rules)?));
        }
        registries.insert(host.name.to_ascii_lowercase(), Registry::new(host.name.as_str(), slot, "", Settings::FRESH));
    }
    Ok(Closed { policy: Policy::new(0, registries, BTreeMap::new(), []), tables })
}

/// The slot at which the kernel keeps all addresses of a registry, if there is one.
fn slot_in_kernel(host: &RegistryHost, kernel: &Kernel) -> Result<Option<u32>, KernelError> {
    let mut slots = Vec::new();
    for address in host.addresses() {
        let endpoint = kernel.endpoint(HOST, &Address::from(address.ip()), address.port())?;
        slots.push(endpoint.and_then(|endpoint| endpoint.registry()));
    }
    slots.dedup();
    Ok(if let [Some(slot)] = slots.as_slice() { Some(*slot) } else { None })
}

/// The slots of the registries in the newest good copy that can be read; none if there is none.
fn slots_of_copy(folder: &Path, names: &[String]) -> BTreeMap<String, u32> {
    let read = |path: &Path| -> Option<BTreeMap<String, u32>> {
        verify(path).ok()?;
        let folder = tempfile::tempdir().ok()?;
        std::fs::copy(path, folder.path().join(SqliteStore::FILE)).ok()?;
        let policy = SqliteStore::open_existing(folder.path()).and_then(|mut store| store.load(names)).ok()?;
        Some(policy.registries.into_iter().map(|(key, registry)| (key, registry.slot)).collect())
    };
    Copies::beside(folder).list().iter().find_map(|copy| read(&copy.path)).unwrap_or_default()
}

/// What the agent begins with.
pub(super) struct Known {
    pub(super) store: Option<Box<dyn Store>>,
    pub(super) store_problem: Option<String>,
    pub(super) policy: Policy,
    pub(super) history: Vec<Entry>,
    pub(super) unconfirmed: Option<Unconfirmed>,
    /// The tables of registries of which nobody knows what is in force.
    pub(super) closed: Vec<(u32, LoadedTable)>,
}

/// As [`open`]; a store that cannot be used is no reason not to start, and the problem is returned.
pub(super) fn open_or_lose(
    folder: &Path,
    config: &Config,
    written: &Arc<AtomicU64>,
) -> Result<Result<Opened, String>, StoreError> {
    match open(folder, config, written) {
        Err(problem) if problem.is_lost() => {
            error!(%problem, "CLOSED: nobody knows the policy; what an earlier agent put in force stays in force, and everyone else is denied");
            Ok(Err(problem.to_string()))
        }
        opened => opened.map(Ok),
    }
}

/// What the agent begins with, once it can ask the kernel.
pub(super) fn settle(
    opened: Result<Opened, String>,
    folder: &Path,
    config: &Config,
    kernel: &Kernel,
    trusted: &TrustedPrefixes,
) -> Result<Known, KernelError> {
    Ok(match opened {
        Ok(Opened { store, policy, history, unconfirmed, .. }) => {
            let store: Option<Box<dyn Store>> = Some(Box::new(store));
            Known { store, store_problem: None, policy, history, unconfirmed, closed: Vec::new() }
        }
        Err(problem) => {
            let Closed { policy, tables } = closed(folder, config, kernel, trusted)?;
            let (store_problem, history) = (Some(problem), Vec::new());
            Known { store: None, store_problem, policy, history, unconfirmed: None, closed: tables }
        }
    })
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
