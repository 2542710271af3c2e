//! The 403 responder: tells denied clients that they are denied.
//!
//! An unprivileged process of its own, because it parses what strangers send. It can open nothing and touch no map: the agent
//! hands it listening sockets, certificates and texts over a Unix socket, and it reports each answer. It keeps what it was
//! given, so it goes on answering while there is no agent.

mod answer;
mod bounds;
mod budget;
mod connection;
mod http;
mod installed;
mod link;
mod listeners;
mod privilege;
mod reports;
mod socket;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tracing::{info, warn};

pub(crate) use socket::Socket;

pub use privilege::{PrivilegeError, unprivileged_user};

use bounds::STOPPING;
use listeners::Shared;
use reports::Reports;

/// How the process was asked to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who to become if started as root: a name or a number.
    pub user: String,
    /// The agent's socket for it.
    pub socket: PathBuf,
}

/// Gives up every privilege, then answers until SIGTERM or SIGINT. There must be no other thread yet.
///
/// # Errors
///
/// If a privilege cannot be given up, or the runtime does not start.
pub fn run(options: &Options) -> anyhow::Result<()> {
    privilege::give_up(&options.user)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    info!(user = %nix::unistd::Uid::effective(), socket = %options.socket.display(), "started");
    answer_until(options, stop).await;
    info!("stopped");
    Ok(())
}

/// Answers until `stop` is ready; then the agent is left at once, and answers that have begun are finished.
async fn answer_until(options: &Options, stop: impl Future<Output = ()>) {
    let (reports, answered) = Reports::new();
    let shared = Arc::new(Shared::new(reports));
    tokio::select! {
        () = stop => {}
        never = link::follow(&options.socket, &shared, answered) => match never {},
    }
    if timeout(STOPPING, shared.stop()).await.is_err() {
        warn!("stopped while connections were open");
    }
}
