//! The agent: holds the policy, changes it one request at a time, and answers questions about it.

mod accounts;
mod answered;
mod asked_endpoint;
mod blind_spots;
mod change;
mod check;
pub mod daemon;
mod denial;
mod denials;
mod denied_log;
mod deserted;
mod enforcement;
mod error;
mod heartbeat;
mod history;
mod host;
mod interfaces;
mod lasting;
mod memory;
mod moment;
mod no_core;
mod opened_store;
mod operations;
mod question;
mod reload;
mod report;
pub mod responder;
mod restore;
mod revocation;
mod second_layer;
mod service_tags;
mod status;
mod steering;
mod terms;
mod tidy;
mod unconfirmed;
mod zones;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tracing::warn;

pub use self::answered::Report;
pub use self::change::require;
pub use self::denial::{Denial, DenialLayer, DenialResponse};
pub use self::denials::{Denials, Entry, Follower, LeftOut, MOST_FOLLOWERS, RECENT_DENIALS, Told, TooManyFollowers};
pub use self::error::AgentError;
pub use self::history::{HistoryReport, RevisionReport};
pub use self::operations::{Operation, OperationError, OperationStatus, Operations};
pub use self::report::{
    CheckReport, CheckVerdict, InterfaceStatus, NamespaceStatus, ProgramStatus, RegistryPolicyStatus, RegistryStatus,
    SecondLayerStatus, ServiceTagsStatus, State, Status,
};
pub use self::restore::{Restored, Source};
pub use self::service_tags::Imported;
pub use self::terms::{Author, Terms};
pub use self::unconfirmed::UnconfirmedStatus;

use self::accounts::Accounts;
use self::blind_spots::BlindSpots;
use self::history::History;
use self::interfaces::Interfaces;
use self::lasting::Lasting;
use self::reload::Reload;
use self::revocation::Revocations;
use self::second_layer::SecondLayer;
use crate::compile::TrustedPrefixes;
use crate::config::Config;
use crate::kernel::{Kernel, detach_pins as unpin_all, interface_name};
use crate::netlink::{Link, Lister};
use crate::policy::{Limits, Policy};
use crate::store::{Store, Unconfirmed};

/// The agent. Clones share it.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    config: Config,
    limits: Limits,
    /// Where the trusted services of `config` come from.
    trusted: TrustedPrefixes,
    /// Held while a change is carried out, so there is one at a time. Absent while it cannot be used.
    store: Mutex<Option<Box<dyn Store>>>,
    /// Why the store cannot be used, if so. Until it can, `policy` knows the registries and nothing of who may reach them.
    store_problem: RwLock<Option<String>>,
    /// The folder of the store.
    state: PathBuf,
    /// How many IP rules the store wrote.
    written: Arc<AtomicU64>,
    /// Why no good copy could be made of the last policy, if so.
    copies_problem: Mutex<Option<String>>,
    /// What the store remembers.
    history: History,
    /// The change that is to be confirmed.
    unconfirmed: watch::Sender<Option<Unconfirmed>>,
    /// Held for writing for moments only, by whoever holds the store.
    policy: RwLock<Policy>,
    /// Held for moments only; never while tables are built.
    kernel: Mutex<Kernel>,
    interfaces: Mutex<Interfaces>,
    /// Locked before the kernel, never after it.
    second_layer: Mutex<SecondLayer>,
    /// A change was stored.
    stored: Notify,
    /// Another namespace has taken the path of one in which a registry listens.
    places_changed: Notify,
    lister: Lister,
    runtime: Handle,
    detached: AtomicBool,
    revocations: Revocations,
    blind_spots: BlindSpots,
    denials: Denials,
    operations: Operations,
    /// Held for moments only.
    accounts: Mutex<Accounts>,
    /// Whether a responder accepts denied connections.
    responder_present: watch::Sender<bool>,
    /// What keeps a responder from being supplied.
    responder_problem: Mutex<Option<String>>,
    /// What is wrong with the files at the watched path.
    service_tags_problem: Mutex<Option<String>>,
    reload: Reload,
    lasting: Lasting,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The revision that the kernel enforces.
    pub revision: u64,
    /// Whether the policy was not so already.
    pub changed: bool,
    /// Connections that were destroyed because their source is denied now.
    #[serde(rename = "destroyedConnections")]
    pub destroyed: u64,
    /// When the kernel began to enforce it, if anything was changed.
    #[serde(skip)]
    pub enforced: Option<Instant>,
    /// When it was sure to outlive a power cut, if anything was changed.
    #[serde(skip)]
    pub stored: Option<Instant>,
}

impl Changed {
    /// Everything was so already at this revision.
    pub const fn nothing(revision: u64) -> Self {
        Self { revision, changed: false, destroyed: 0, enforced: None, stored: None }
    }
}

/// Takes the program off every interface when no agent runs, and names the interfaces.
///
/// # Errors
///
/// If an agent holds the folder of pins, or a pin cannot be removed.
pub fn detach_pins(pins: &Path) -> anyhow::Result<Vec<String>> {
    Ok(unpin_all(pins)?)
}

impl Agent {
    /// Looks at the policy. Never waits for a change that is being built.
    pub fn read<R>(&self, look: impl FnOnce(&Policy) -> R) -> R {
        look(&self.0.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The policy in force; later changes do not show in it.
    ///
    /// # Errors
    ///
    /// If nobody knows it, since the store cannot be used.
    pub fn policy(&self) -> Result<Policy, AgentError> {
        self.refuse_if_lost()?;
        Ok(self.read(Policy::clone))
    }

    /// The configuration this agent was started with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What was denied lately.
    pub fn denials(&self) -> &Denials {
        &self.0.denials
    }

    /// Changes of whole lists, those under way and those of late.
    pub fn operations(&self) -> &Operations {
        &self.0.operations
    }

    /// Times the rule with this counter decided.
    pub fn rule_hits(&self, counter: u32) -> u64 {
        self.kernel().rule_hits(counter)
    }

    /// Takes the program off every interface, until the agent is started again, and names the interfaces. Blocks.
    ///
    /// # Errors
    ///
    /// If a pin cannot be removed.
    pub fn detach(&self) -> Result<Vec<String>, AgentError> {
        // A change that is being carried out is finished first.
        let _one_at_a_time = self.store();
        // Whoever is following the second layer is finished too, and would attach it again otherwise.
        let _layer = self.second_layer();
        self.0.detached.store(true, Ordering::SeqCst);
        let mut kernel = self.kernel();
        let detached: Vec<String> = kernel.detach()?.into_iter().map(interface_name).collect();
        warn!(interfaces = ?detached, "DETACHED: nothing is enforced until the agent is started again");
        Ok(detached)
    }

    pub(self) fn is_detached(&self) -> bool {
        self.0.detached.load(Ordering::SeqCst)
    }

    /// Puts the program on named interfaces that lack it.
    fn follow_interfaces(&self, links: &[Link]) {
        let mut interfaces = self.interfaces();
        let mut kernel = self.kernel();
        if self.is_detached() {
            return;
        }
        let program = kernel.program_id();
        interfaces.follow(self.config(), &mut kernel, program, links);
    }

    pub(self) fn responder_is_present(&self) -> bool {
        *self.0.responder_present.borrow()
    }

    fn second_layer(&self) -> MutexGuard<'_, SecondLayer> {
        self.0.second_layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_in_slot(&self, slot: u32) -> Option<String> {
        self.read(|policy| policy.registries.values().find(|registry| registry.slot == slot).map(|r| r.name.clone()))
    }

    fn links(&self) -> Result<Vec<Link>, AgentError> {
        Ok(self.0.lister.list_blocking()?)
    }

    /// Whoever holds it is the only one who changes anything.
    fn store(&self) -> MutexGuard<'_, Option<Box<dyn Store>>> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the store cannot be used, if so.
    fn store_problem(&self) -> Option<String> {
        self.0.store_problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whatever is read from memory instead of the store must not be told while the store cannot be used.
    fn refuse_if_lost(&self) -> Result<(), AgentError> {
        self.store_problem().map_or(Ok(()), |problem| Err(AgentError::LostStore(problem)))
    }

    fn lost_store(&self) -> AgentError {
        AgentError::LostStore(self.store_problem().unwrap_or_default())
    }

    fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.0.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interfaces(&self) -> MutexGuard<'_, Interfaces> {
        self.0.interfaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
