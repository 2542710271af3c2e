//! The order in which the agent starts, and what it does until it is told to stop.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::FutureExt as _;
use nix::unistd::{Gid, Group};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};

use super::accounts::Accounts;
use super::blind_spots::{self, BlindSpots};
use super::denied_log::DeniedLog;
use super::history::History;
use super::interfaces::{Interfaces, preflight};
use super::lasting::{self, Lasting};
use super::no_core::forbid_cores;
use super::opened_store::{self, Known};
use super::reload::{self, Reload};
use super::revocation::Revocations;
use super::second_layer::{self, SecondLayer};
use super::{
    Agent, Denials, Inner, InterfaceStatus, Operations, heartbeat, host, restore, service_tags, steering, tidy,
    unconfirmed,
};
use crate::api::{self, Audience, ControlSocket, Handover};
use crate::compile::{TrustedPrefixes, compile};
use crate::config::{Config, Readers};
use crate::kernel::{EventBudget, Events, Kernel, KernelError, LoadedTable, Pins, pinned_links};
use crate::logging::log_to_standard_error;
use crate::netlink::{Link, Links};
use crate::policy::{Policy, Registry};
use crate::service::{Inherited, notify};

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

/// Runs the agent until SIGTERM or SIGINT. What it enforces stays enforced after that. On a reload the next agent takes over, in the
/// same process.
///
/// # Errors
///
/// If it cannot start; then nothing that was enforced before has changed.
pub async fn run(options: RunOptions) -> anyhow::Result<()> {
    let begun = Instant::now();
    log_to_standard_error();
    // From here on a signal does not end the process that was not to; what is asked for meanwhile comes afterwards.
    let (stop, hangup) = (stop_signal()?, signal(SignalKind::hangup())?);
    let lasting = Lasting::new(Inherited::of_this_process().context("descriptors of the service manager")?);
    let reload = Reload::new(&options.config, &options.pins).context("cannot see which program this is")?;
    forbid_cores()?;
    let config = Config::load(&options.config)?;
    warn_of_open_vteps(&config);
    let limits = config.policy_limits();
    let trusted = TrustedPrefixes::new(config.trusted_services.iter().flat_map(|service| &service.prefixes).copied());
    let links = Links::subscribe()?;
    let present = links.lister().list().await?;
    preflight(&config, &present, &pinned_links(&options.pins))?;
    let pins = Pins::go_on(&options.pins, lasting.inherited(lasting::PINS))?;
    lasting.hand_over(lasting::PINS, pins.lock())?;
    let written = Arc::default();
    let opened = opened_store::open_or_lose(&options.state, &config, &written)?;
    restore::remove_abandoned(&options.state);
    let operations = Operations::new(Arc::clone(&written));
    debug!(took = ?begun.elapsed(), "policy read");
    match &opened {
        Ok(opened) => {
            refuse_to_guard_nothing(&config, &opened.known)?;
            refuse_lost_counters(&opened.policy, limits.rules)?;
        }
        Err(_) => refuse_to_guard_nothing(&config, &["registries of which nothing can be read".to_owned()])?,
    }
    let doors = Doors::open(&config, &options, &lasting)?;

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
        reload,
        lasting,
    }));
    agent.follow_interfaces(&present);
    refuse_to_run_open(&agent, &present).await?;
    // What the second layer is told of VXLAN depends on where the first one stands.
    follow_second_layer(&agent).await?;
    follow(&agent, events, links, options.responder_socket);
    tokio::spawn(reload::follow_signals(agent.clone(), hangup));
    heartbeat::tell_ready(&agent).await;
    let revision = agent.read(|policy| policy.revision);
    info!(revision, socket = %options.socket.display(), "ready");
    debug!(took = ?begun.elapsed(), "started");
    tokio::spawn(heartbeat::follow(agent.clone()));
    match doors.serve(&agent, stop).await? {
        Ending::Stopped => {
            info!("stopped; what was enforced stays enforced");
            Ok(())
        }
        Ending::Replaced => match agent.become_the_next().await? {},
    }
}

/// Where the agent is asked.
struct Doors {
    socket: ControlSocket,
    handover: Handover,
    remote: Option<api::Remote>,
}

impl Doors {
    /// Goes on with the sockets of the agent before this one, or makes them. Nobody is answered yet.
    fn open(config: &Config, options: &RunOptions, lasting: &Lasting) -> anyhow::Result<Self> {
        let readers = Audience::Group(readers(config)?);
        let socket = api::bind_for(&options.socket, readers, lasting.inherited(lasting::CONTROL))?;
        let handover = socket.handover()?;
        lasting.hand_over(lasting::CONTROL, &handover.socket)?;
        let remote = api::Remote::prepare(config, &options.state, |address| lasting.inherited_at(address))?;
        for socket in remote.iter().flat_map(api::Remote::sockets) {
            lasting.hand_over_management(socket)?;
        }
        Ok(Self { socket, handover, remote })
    }

    /// Answers until the agent is to end, and says how.
    async fn serve(self, agent: &Agent, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<Ending> {
        let ending = ending(stop, agent.0.reload.subscribe(), self.handover).shared();
        let ended = || ending.clone().map(drop);
        let remote = self.remote.map(|remote| tokio::spawn(remote.serve(agent.clone(), ended())));
        api::serve(self.socket, agent.clone(), ended()).await.context("serving the control socket")?;
        if let Some(remote) = remote {
            remote.await.context("serving the API over TLS")?;
        }
        Ok(ending.await)
    }
}

/// Begins whatever goes on until the runtime ends.
fn follow(agent: &Agent, events: Option<(Events, EventBudget)>, links: Links, responder_socket: PathBuf) {
    if let Some((events, budget)) = events {
        // Before it is told that the agent is ready: from then on, each denial is logged or counted as left out.
        follow_denials(agent, events, budget);
    }
    tokio::spawn(follow_interfaces(agent.clone(), links));
    tokio::spawn(tidy::follow(agent.clone()));
    tokio::spawn(unconfirmed::follow(agent.clone()));
    tokio::spawn(service_tags::follow(agent.clone()));
    tokio::spawn(second_layer::vouch(agent.clone()));
    tokio::spawn(blind_spots::follow(agent.clone()));
    tokio::spawn(steering::steer(agent.clone(), responder_socket));
}

/// What comes after this agent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nothing.
    Stopped,
    /// Another agent in the same process.
    Replaced,
}

/// Ready once this agent is to end.
async fn ending(stop: impl Future<Output = ()>, wanted: watch::Receiver<bool>, control: Handover) -> Ending {
    tokio::select! {
        () = stop => {
            notify::stopping();
            Ending::Stopped
        }
        () = Reload::wanted(wanted) => {
            control.leave_the_file();
            reload::announce();
            Ending::Replaced
        }
    }
}

/// The group of those who may look. One that config.toml names has to be there.
fn readers(config: &Config) -> anyhow::Result<Option<Gid>> {
    let name = config.socket.readers.group();
    let group = Group::from_name(name).context("cannot read the groups")?;
    anyhow::ensure!(
        group.is_some() || config.socket.readers == Readers::Default,
        "socket.readers: `{name}`: there is no such group; accepted: the name of a group, such as one made by `groupadd --system \
         {name}`"
    );
    Ok(group.map(|group| group.gid))
}

/// A file that lost what it said is no reason to let everyone in. `known` are the registries that there is a policy for.
pub(super) fn refuse_to_guard_nothing(config: &Config, known: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(
        known.is_empty() || !config.guards_nothing(),
        "config.toml: interfaces, registry: missing, though there is a policy for {}; accepted: at least one of each. To stop \
         guarding: `registry-guard detach`, and then stop the agent for good",
        known.join(", ")
    );
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
pub(super) fn refuse_lost_counters(policy: &Policy, rules: u32) -> anyhow::Result<()> {
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

/// At the start, an interface that was there and cannot be guarded is a reason to stop. One that was not is guarded when it comes: at
/// boot, interfaces come after the agent or while it starts.
async fn refuse_to_run_open(agent: &Agent, tried: &[Link]) -> anyhow::Result<()> {
    let asking = agent.clone();
    let interfaces = tokio::task::spawn_blocking(move || asking.interfaces_status()).await??;
    let was_tried = |index| tried.iter().any(|link| Some(link.index) == index);
    let required = interfaces.iter().filter(|interface| !interface.hotplug && was_tried(interface.ifindex));
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
