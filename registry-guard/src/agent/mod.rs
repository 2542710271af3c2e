//! The agent: holds the policy, changes it one request at a time, and answers questions about it.

pub mod daemon;
mod denied_log;
mod enforcement;
mod error;
mod host;
mod interfaces;
mod question;
mod report;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use registry_guard_common::{Class, LAYOUT_VERSION, NO_COUNTER};
use tokio::runtime::Handle;
use tracing::error;

pub use self::error::AgentError;
pub use self::report::{CheckReport, CheckVerdict, InterfaceStatus, ProgramStatus, RegistryStatus, State, Status};

use self::enforcement::Enforcement;
use self::interfaces::{Interfaces, enforced_on};
use crate::config::{Config, DenyResponse};
use crate::kernel::{GUARD_XDP, Kernel, KernelError, ReasonCounts, detach_pins as unpin_all, interface_name};
use crate::netlink::{Link, Lister};
use crate::plan::{Plan, plan};
use crate::policy::{Change, Limits, Policy, Registry};
use crate::store::Store;

/// The agent. Clones share it.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    config: Config,
    limits: Limits,
    /// Held while a change is carried out, so there is one at a time.
    store: Mutex<Box<dyn Store>>,
    /// Held for moments only; never while tables are built.
    policy: RwLock<Policy>,
    /// Held for moments only; never while tables are built.
    kernel: Mutex<Kernel>,
    interfaces: Mutex<Interfaces>,
    lister: Lister,
    runtime: Handle,
    detached: AtomicBool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The revision that the kernel enforces.
    pub revision: u64,
    /// Whether the policy was not so already.
    pub changed: bool,
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

    /// The configuration this agent was started with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Times the rule with this counter decided.
    pub fn rule_hits(&self, counter: u32) -> u64 {
        self.kernel().rule_hits(counter)
    }

    /// Makes a change and returns after the kernel enforces it. Blocks.
    ///
    /// # Errors
    ///
    /// See [`AgentError`]; nothing has changed then.
    pub fn change(&self, if_match: Option<&str>, change: &Change) -> Result<Changed, AgentError> {
        let mut store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_detached() {
            return Err(AgentError::Detached);
        }
        let (revision, edits) = self.read(|policy| {
            require(if_match, policy.revision)?;
            Ok::<_, AgentError>((policy.revision, policy.validate(change, &self.0.limits)?))
        })?;
        if edits.is_empty() {
            return Ok(Changed { revision, changed: false });
        }
        let revision = revision + 1;
        let plan = self.read(|policy| plan(policy, &edits));
        // A copy of the rules is only made where tables are built from it anyway.
        let after = matches!(plan, Plan::Swap(_)).then(|| {
            let mut after = self.read(Policy::clone);
            after.apply(&edits);
            after.revision = revision;
            after
        });
        let (mut enforcement, fresh) =
            self.read(|before| Enforcement::prepare(plan, before, after.as_ref(), self.0.limits.rules))?;
        let mut enforced = false;
        let stored = store.commit(revision, &edits, &mut || {
            let mut kernel = self.kernel();
            for &counter in &fresh {
                kernel.clear_rule_hits(counter)?;
            }
            enforcement.enforce(&mut kernel)?;
            enforced = true;
            Ok(())
        });
        if let Err(problem) = stored {
            if enforced && let Err(problem) = enforcement.undo(&mut self.kernel()) {
                error!(%problem, "the kernel enforces a change that could not be stored; start the agent again");
            }
            return Err(problem.into());
        }
        let mut policy = self.0.policy.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(after) = after {
            *policy = after;
        } else {
            policy.apply(&edits);
            policy.revision = revision;
        }
        Ok(Changed { revision, changed: true })
    }

    /// Asks the loaded program what it does with a connection from `source`. Blocks.
    ///
    /// # Errors
    ///
    /// If there is no such registry, or the program does not answer.
    pub fn check(&self, name: &str, source: IpAddr, vni: Option<u32>) -> Result<CheckReport, AgentError> {
        let (name, revision) =
            self.read(|policy| policy.find_registry(name).map(|registry| (registry.name.clone(), policy.revision)))?;
        let mut report = CheckReport {
            registry: name,
            source,
            vni,
            verdict: CheckVerdict::NotGuarded,
            reason: "NotGuarded",
            rule: None,
            message: String::new(),
            enforced_on: enforced_on(self.config(), self.kernel().program_id(), &self.links()?),
            revision,
        };
        let Some(frame) = self.question(&report) else {
            report.message = format!(
                "{} has no endpoint that {source} could reach: none of its addresses is of that family",
                report.registry
            );
            return Ok(report);
        };
        let answer = self.kernel().ask(&frame)?;
        report.reason = answer.reason.name();
        report.verdict = match answer.reason.class() {
            Class::NotOurs => CheckVerdict::NotGuarded,
            Class::Allow => CheckVerdict::Allow,
            Class::Deny | Class::Undecided | Class::Never => CheckVerdict::Deny,
        };
        if answer.counter != NO_COUNTER {
            report.rule =
                self.read(|policy| policy.registry(&report.registry).and_then(|r| rule_of(r, answer.counter)));
        }
        answer.reason.sentence().clone_into(&mut report.message);
        if report.enforced_on.is_empty() {
            report.message.push_str(" But the program stands on no interface, so nothing is enforced.");
        }
        Ok(report)
    }

    /// The SYN that `report` asks about; `None` if the registry has no endpoint in that family.
    fn question(&self, report: &CheckReport) -> Option<Vec<u8>> {
        let host = self.config().registries.iter().find(|host| host.name.eq_ignore_ascii_case(&report.registry))?;
        let reachable = |address: &SocketAddr| {
            address.is_ipv4() == report.source.is_ipv4() || (address.is_ipv6() && address.ip().is_unspecified())
        };
        let endpoint = host::addresses(host).find(reachable)?;
        let destination = if endpoint.ip().is_unspecified() {
            SocketAddr::new(question::unspecified(report.source), endpoint.port())
        } else {
            endpoint
        };
        let syn = question::syn(report.source, destination)?;
        let Some(vni) = report.vni else { return Some(syn) };
        let vxlan = &self.config().vxlan;
        // With no trusted VTEP at all, any address shows that none is trusted.
        let vtep = vxlan.trusted_vteps.first().map_or(question::unspecified(report.source), ipnet::IpNet::network);
        question::encapsulate(&syn, vtep, vxlan.port, vni)
    }

    /// How registry-guard stands. Blocks.
    ///
    /// # Errors
    ///
    /// If the kernel does not answer.
    pub fn status(&self) -> Result<Status, AgentError> {
        let links = self.links()?;
        let (program, mut reasons) = {
            let kernel = self.kernel();
            (kernel.program_id(), kernel.reasons()?)
        };
        let interfaces = self.interfaces().status(self.config(), program, &links);
        let mut problems: Vec<String> = interfaces
            .iter()
            .filter(|interface| !interface.enforcing && (interface.ifindex.is_some() || !interface.hotplug))
            .map(|interface| format!("{}: {}", interface.name, interface.note.as_deref().unwrap_or("not enforcing")))
            .collect();
        let enforcing = interfaces.iter().any(|interface| interface.enforcing);
        if self.is_detached() {
            problems.insert(0, "detached: start the agent again to enforce".to_owned());
        }
        let config = self.config();
        let (revision, registries) = self.read(|policy| {
            let registries = config.registries.iter().filter_map(|host| {
                let registry = policy.registry(&host.name)?;
                Some(RegistryStatus {
                    name: registry.name.clone(),
                    endpoints: host::addresses(host).map(|address| address.to_string()).collect(),
                    deny_response: match host.deny_response {
                        DenyResponse::Drop => "drop",
                        DenyResponse::Reset => "reset; drop for datagrams and inside VXLAN",
                    },
                    default_action: registry.default_action,
                    public_network_access: registry.public_network_access,
                    ip_rules: registry.ip_rules.len(),
                    virtual_network_rules: registry.subnet_rules.len(),
                    counters: named(reasons.remove(&Some(registry.slot))),
                })
            });
            (policy.revision, registries.collect())
        });
        Ok(Status {
            state: match (enforcing, problems.is_empty()) {
                (false, _) => State::Open,
                (true, true) => State::Enforcing,
                (true, false) => State::Degraded,
            },
            problems,
            revision,
            version: env!("CARGO_PKG_VERSION"),
            program: ProgramStatus {
                name: GUARD_XDP,
                id: program,
                layout: LAYOUT_VERSION,
                vxlan_port: config.vxlan.port,
                trusted_vteps: config.vxlan.trusted_vteps.iter().map(ToString::to_string).collect(),
            },
            interfaces,
            registries,
            counters: named(reasons.remove(&None)),
        })
    }

    /// Takes the program off every interface, until the agent is started again, and names the interfaces. Blocks.
    ///
    /// # Errors
    ///
    /// If a pin cannot be removed.
    pub fn detach(&self) -> Result<Vec<String>, AgentError> {
        // A change that is being carried out is finished first.
        let _one_at_a_time = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.detached.store(true, Ordering::SeqCst);
        let mut kernel = self.kernel();
        Ok(kernel.detach()?.into_iter().map(interface_name).collect())
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

    fn registry_in_slot(&self, slot: u32) -> Option<String> {
        self.read(|policy| policy.registries.values().find(|registry| registry.slot == slot).map(|r| r.name.clone()))
    }

    fn reasons(&self) -> Result<ReasonCounts, KernelError> {
        self.kernel().reasons()
    }

    fn links(&self) -> Result<Vec<Link>, AgentError> {
        Ok(self.0.runtime.block_on(self.0.lister.list())?)
    }

    fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.0.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interfaces(&self) -> MutexGuard<'_, Interfaces> {
        self.0.interfaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `If-Match` holds a revision, quoted as an entity tag or not, or `*`.
fn require(if_match: Option<&str>, have: u64) -> Result<(), AgentError> {
    match if_match.map(|asked| asked.trim().trim_matches('"')) {
        None | Some("*") => Ok(()),
        Some(asked) if asked == have.to_string() => Ok(()),
        Some(asked) => Err(AgentError::PreconditionFailed { have, asked: asked.to_owned() }),
    }
}

/// The rule of `registry` with this hit counter, as its owner spelled it.
fn rule_of(registry: &Registry, counter: u32) -> Option<String> {
    let ip = registry.ip_rules.iter().find(|rule| rule.counter == counter).map(|rule| rule.value.clone());
    ip.or_else(|| registry.subnet_rules.iter().find(|rule| rule.counter == counter).map(|rule| rule.subnet.to_string()))
}

fn named(reasons: Option<BTreeMap<registry_guard_common::Reason, u64>>) -> BTreeMap<&'static str, u64> {
    reasons.into_iter().flatten().map(|(reason, packets)| (reason.name(), packets)).collect()
}
