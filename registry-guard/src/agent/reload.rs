//! The next agent: the binary that is installed now, with what config.toml says now, in the same process.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use super::daemon::{refuse_lost_counters, refuse_to_guard_nothing};
use super::interfaces::preflight;
use super::{Agent, AgentError, OperationStatus};
use crate::api::check_management;
use crate::config::Config;
use crate::kernel::pinned_links;
use crate::service::{notify, replace_this_process};

/// How long the installed binary may take to see whether it could take over.
const CHECK: Duration = Duration::from_mins(1);
/// How long changes that have begun may take before the next agent takes over, and how often it is looked.
const CHANGES: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(50);

/// How this agent was started, and whether another one is to take over.
#[derive(Debug)]
pub(super) struct Reload {
    /// Another one for each agent, in the same process or not.
    pub(super) instance: Uuid,
    program: PathBuf,
    config: PathBuf,
    pins: PathBuf,
    wanted: watch::Sender<bool>,
}

impl Reload {
    /// # Errors
    ///
    /// If it is not known which program this is.
    pub(super) fn new(config: &Path, pins: &Path) -> io::Result<Self> {
        // The name stays when the file behind it is replaced.
        let program = env::current_exe()?;
        let (config, pins) = (config.to_owned(), pins.to_owned());
        Ok(Self { instance: Uuid::new_v4(), program, config, pins, wanted: watch::Sender::new(false) })
    }

    /// Ready once another agent is to take over.
    pub(super) async fn wanted(mut wanted: watch::Receiver<bool>) {
        if wanted.wait_for(|wanted| *wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<bool> {
        self.wanted.subscribe()
    }
}

impl Agent {
    /// Sees whether the binary that is installed now, with what config.toml says now, can take over from this agent, and if so has
    /// it take over soon. Returns the instance that it replaces. Blocks.
    ///
    /// # Errors
    ///
    /// If it could not. Everything stays as it was.
    pub fn reload(&self) -> Result<Uuid, AgentError> {
        let reload = &self.0.reload;
        let refused = |error: anyhow::Error| AgentError::NotReloaded(format!("{error:#}"));
        // A newer binary may understand what this one does not, so only what is understood is judged here.
        let config = Config::load(&reload.config);
        if let Ok(config) = &config {
            refuse_to_guard_nothing(config, &self.config().registry_names()).map_err(refused)?;
            self.read(|policy| refuse_lost_counters(policy, config.policy_limits().rules)).map_err(refused)?;
            preflight(config, &self.links()?, &pinned_links(&reload.pins)).map_err(refused)?;
        }
        if is_this_program(&reload.program) {
            // Its programs are in the kernel already.
            let config = config.map_err(|error| refused(error.into()))?;
            check_management(&config).map_err(|error| refused(error.into()))?;
        } else {
            self.0.runtime.block_on(check(&reload.program, &reload.config)).map_err(refused)?;
        }
        reload.wanted.send_replace(true);
        Ok(reload.instance)
    }

    /// Becomes the next agent, after the changes that have begun. Clients who connect meanwhile wait for it, and the kernel goes on
    /// deciding.
    ///
    /// # Errors
    ///
    /// If that is not possible. This process has to end then.
    pub(super) async fn become_the_next(&self) -> anyhow::Result<std::convert::Infallible> {
        if timeout(CHANGES, self.changes_end()).await.is_err() {
            warn!("a change is still under way, and is given up");
        }
        let agent = self.clone();
        let replaced = tokio::task::spawn_blocking(move || {
            // Nobody else writes the store or the kernel's maps while descriptors are moved.
            let _store = agent.store();
            let _kernel = agent.kernel();
            let arguments = env::args_os().skip(1).collect::<Vec<OsString>>();
            replace_this_process(&agent.0.reload.program, arguments.into_iter(), &agent.0.lasting.take_all())
        });
        replaced.await?.context("cannot become the next agent")
    }

    async fn changes_end(&self) {
        while self.operations().list().iter().any(OperationStatus::is_in_progress) {
            sleep(LOOK).await;
        }
    }
}

/// Whether the file of this process's program is still there under its name.
fn is_this_program(program: &Path) -> bool {
    let identity =
        |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino(), file.mtime(), file.mtime_nsec()));
    matches!(
        (identity(Path::new("/proc/self/exe")), identity(program)),
        (Ok(running), Ok(installed)) if running == installed
    )
}

/// Asks the installed binary.
async fn check(program: &Path, config: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.arg("check-host").arg("--config").arg(config);
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let name = program.display();
    let checked = timeout(CHECK, command.output()).await;
    let output = checked.with_context(|| format!("{name} check-host was not done within {CHECK:?}"))?;
    let output = output.with_context(|| format!("{name} cannot be started"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.trim();
    let reason = told.strip_prefix("ERROR: ").unwrap_or(told);
    anyhow::ensure!(!reason.is_empty(), "{name} check-host failed: {}", output.status);
    anyhow::bail!("{reason}")
}

/// Reloads on each SIGHUP, as service managers and people ask for it.
pub(super) async fn follow_signals(agent: Agent, mut hangup: tokio::signal::unix::Signal) {
    while hangup.recv().await.is_some() {
        info!("a reload is asked for by SIGHUP");
        let reloading = agent.clone();
        match tokio::task::spawn_blocking(move || reloading.reload()).await {
            Ok(Ok(_)) => {}
            Ok(Err(problem)) => tracing::error!(%problem, "not reloaded"),
            Err(problem) => tracing::error!(%problem, "not reloaded"),
        }
    }
}

/// Says that the next agent is about to take over.
pub(super) fn announce() {
    notify::reloading();
    info!("another agent takes over in this process; what is enforced stays enforced");
}
