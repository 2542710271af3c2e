//! The order in which the agent starts, and what it does until it is told to stop.

use std::io::IsTerminal as _;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};
use tracing_subscriber::EnvFilter;

use super::accounts::Accounts;
use super::blind_spots::{self, BlindSpots};
use super::denied_log::DeniedLog;
use super::history::History;
use super::interfaces::{Interfaces, preflight};
use super::no_core::forbid_cores;
use super::opened_store::{self, Known};
use super::revocation::Revocations;
use super::second_layer::{self, SecondLayer};
use super::{Agent, Denials, Inner, InterfaceStatus, Operations, host, service_tags, steering, tidy, unconfirmed};
use crate::api;
use crate::compile::{TrustedPrefixes, compile};
use crate::config::Config;
use crate::kernel::{EventBudget, Events, Kernel, KernelError, LoadedTable, Pins, pinned_links};
use crate::netlink::Links;
use crate::policy::{Policy, Registry};

/// A link can lose its interface, or an interface its program, without a message.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Where the agent finds and keeps its things.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The configuration file.
    pub config: PathBuf,
    /// The folder of the policy store.
    pub state: PathBuf,
    /// The folder of pinned maps and links.
    pub pins: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// The socket for the responder.
    pub responder_socket: PathBuf,
}

/// Runs the agent until SIGTERM or SIGINT. What it enforces stays enforced after that.
///
/// # Errors
///
/// If it cannot start; then nothing that was enforced before has changed.
pub async fn run(options: RunOptions) -> anyhow::Result<()> {
    let begun = Instant::now();
    log_to_standard_error();
    forbid_cores()?;
    let config = Config::load(&options.config)?;
    warn_of_open_vteps(&config);
    let limits = config.policy_limits();
    let trusted = TrustedPrefixes::new(config.trusted_services.iter().flat_map(|service| &service.prefixes).copied());
    let links = Links::subscribe()?;
    let present = links.lister().list().await?;
    preflight(&config, &present, &pinned_links(&options.pins))?;
    let pins = Pins::take(&options.pins)?;
    let written = Arc::default();
    let opened = opened_store::open_or_lose(&options.state, &config, &written)?;
    let operations = Operations::new(Arc::clone(&written));
    debug!(took = ?begun.elapsed(), "policy read");
    if let Ok(opened) = &opened {
        refuse_lost_counters(&opened.policy, limits.rules)?;
    }
    let listener = api::bind(&options.socket)?;
    let remote = api::Remote::prepare(&config, &options.state)?;

    let blind_spots = BlindSpots::default();
    blind_spots.look(&config);

    // Nothing before this line changes anything in the kernel.
    let known = opened.as_ref().ok().map(|opened| &opened.policy);
    let (kernel, tables) = thread::scope(|scope| {
        let tables = scope.spawn(|| known.map_or(Ok(Vec::new()), |policy| tables(policy, &trusted, limits.rules)));
        (Kernel::load(pins, limits.rules), tables.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let (mut kernel, mut tables) = (kernel?, tables?);
    let Known { store, store_problem, policy, history, unconfirmed, closed } =
        opened_store::settle(opened, &options.state, &config, &kernel, &trusted)?;
    tables.extend(closed);
    debug!(took = ?begun.elapsed(), "programs loaded and tables built");
    let second_layer = SecondLayer::new(&config, &kernel, links.lister())?;
    enforce(tables, &mut kernel)?;
    // Tables come before endpoints: an endpoint without a table denies everyone.
    kernel.set_host(&host::host_tables(&config, &policy, &second_layer, &blind_spots))?;
    let events = kernel.take_events();
    let accounts = Accounts::new(config.events.per_second);
    let agent = Agent(Arc::new(Inner {
        config,
        limits,
        trusted,
        store: Mutex::new(store),
        store_problem: RwLock::new(store_problem),
        state: options.state,
        written,
        copies_problem: Mutex::new(None),
        history: History::new(history),
        unconfirmed: watch::Sender::new(unconfirmed),
        policy: RwLock::new(policy),
        kernel: Mutex::new(kernel),
        interfaces: Mutex::new(Interfaces::default()),
        second_layer: Mutex::new(second_layer),
        stored: Notify::new(),
        places_changed: Notify::new(),
        lister: links.lister(),
        runtime: Handle::current(),
        detached: AtomicBool::new(false),
        revocations: Revocations::default(),
        blind_spots,
        denials: Denials::default(),
        operations,
        accounts: Mutex::new(accounts),
        responder_present: watch::Sender::new(false),
        responder_problem: Mutex::new(None),
        service_tags_problem: Mutex::new(None),
    }));
    agent.follow_interfaces(&present);
    refuse_to_run_open(&agent).await?;
    // What the second layer is told of VXLAN depends on where the first one stands.
    follow_second_layer(&agent).await?;
    if let Some((events, budget)) = events {
        // Before it is told that the agent is ready: from then on, each denial is logged or counted as left out.
        follow_denials(&agent, events, budget);
    }
    tokio::spawn(follow_interfaces(agent.clone(), links));
    tokio::spawn(tidy::follow(agent.clone()));
    tokio::spawn(unconfirmed::follow(agent.clone()));
    tokio::spawn(service_tags::follow(agent.clone()));
    tokio::spawn(second_layer::vouch(agent.clone()));
    tokio::spawn(blind_spots::follow(agent.clone()));
    tokio::spawn(steering::steer(agent.clone(), options.responder_socket));
    let revision = agent.read(|policy| policy.revision);
    info!(revision, socket = %options.socket.display(), "ready");
    debug!(took = ?begun.elapsed(), "started");
    let stop = stop_signal()?.shared();
    let remote = remote.map(|remote| tokio::spawn(remote.serve(agent.clone(), stop.clone())));
    api::serve(listener, agent, stop).await.context("serving the control socket")?;
    if let Some(remote) = remote {
        remote.await.context("serving the API over TLS")?;
    }
    info!("stopped; what was enforced stays enforced");
    Ok(())
}

fn warn_of_open_vteps(config: &Config) {
    if config.vxlan.trusts_everyone() {
        warn!(
            trusted_vteps = ?config.vxlan.trusted_vteps,
            "vxlan.trusted-vteps covers every address: whoever can send to this host can claim to be in any virtual network; \
             name the hosts that encapsulate"
        );
    }
}

fn follow_denials(agent: &Agent, events: Events, budget: EventBudget) {
    let log = DeniedLog::start(agent.clone(), events, budget);
    tokio::spawn(async move {
        let followed = async { log?.follow().await };
        if let Err(problem) = followed.await {
            error!(%problem, "denied packets are no longer logged; verdicts do not depend on it");
        }
    });
}

/// A rule whose hit counter lies beyond the configured number could not be counted.
fn refuse_lost_counters(policy: &Policy, rules: u32) -> anyhow::Result<()> {
    if let Some(highest) = policy.counters.highest().filter(|&highest| highest >= rules) {
        anyhow::bail!(
            "limits.rules: {rules} is too few for the rules in the store; accepted is {} or more",
            u64::from(highest) + 1
        );
    }
    Ok(())
}

/// Each registry's slot and its table, which is not in force yet.
fn tables(policy: &Policy, trusted: &TrustedPrefixes, rules: u32) -> Result<Vec<(u32, LoadedTable)>, KernelError> {
    let capacity = trusted.capacity(rules);
    let table =
        |registry: &Registry| Ok((registry.slot, LoadedTable::build(&compile(registry, policy, trusted), capacity)?));
    policy.registries.values().map(table).collect()
}

/// Puts all tables in force, in the place of those of an earlier agent.
fn enforce(tables: Vec<(u32, LoadedTable)>, kernel: &mut Kernel) -> Result<(), KernelError> {
    for (slot, table) in tables {
        kernel.swap(slot, table)?;
    }
    Ok(())
}

/// At the start, an interface that must be there and cannot be guarded is a reason to stop.
async fn refuse_to_run_open(agent: &Agent) -> anyhow::Result<()> {
    let asking = agent.clone();
    let interfaces = tokio::task::spawn_blocking(move || asking.interfaces_status()).await??;
    let required = interfaces.iter().filter(|interface| !interface.hotplug);
    let unguarded: Vec<String> = required.filter_map(InterfaceStatus::problem).collect();
    anyhow::ensure!(unguarded.is_empty(), "cannot guard every interface: {}", unguarded.join("; "));
    Ok(())
}

async fn follow_second_layer(agent: &Agent) -> anyhow::Result<()> {
    let agent = agent.clone();
    Ok(tokio::task::spawn_blocking(move || agent.follow_second_layer()).await??)
}

async fn follow_interfaces(agent: Agent, mut links: Links) {
    let lister = links.lister();
    let mut again = interval(LOOK_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut messages = true;
    loop {
        tokio::select! {
            _ = again.tick() => {}
            more = links.changed(), if messages => {
                messages = more;
            }
        }
        match lister.list().await {
            Ok(present) => agent.follow_interfaces(&present),
            Err(problem) => error!(%problem, "cannot see interfaces"),
        }
        if let Err(problem) = follow_second_layer(&agent).await {
            error!(%problem, "cannot follow the second layer");
        }
    }
}

fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Logs as the daemon does; once in a process.
pub(crate) fn log_to_standard_error() {
    // The netlink library warns of every attribute that is newer than it.
    let filter = EnvFilter::try_from_env("REGISTRY_GUARD_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,netlink_packet_route=error"));
    let stderr = std::io::stderr;
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(stderr().is_terminal()).with_writer(stderr).init();
}
