use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use super::agent::Agent;
use super::daemon::Daemon;
use super::guard_config::GuardConfig;
use super::namespace::Namespace;
use super::process::Process;

/// The responder of one agent, as a process of its own and an unprivileged user.
#[derive(Debug)]
pub struct Responder {
    daemon: Option<Daemon>,
    agent_program: PathBuf,
    socket: PathBuf,
    log: PathBuf,
    host: Namespace,
    /// Where the registry listens, hence the responder.
    listens_in: Namespace,
}

impl Responder {
    /// How long it may take to get its listeners from the agent.
    const LIMIT: Duration = Duration::from_mins(1);

    /// Starts the responder of a registry that listens in the agent's own namespace, and waits until it has a listener.
    pub fn start(agent: &Agent) -> Result<Self> {
        Self::start_for(agent, agent.host())
    }

    /// Starts the responder of a registry that listens in another namespace, and waits until it has a listener there.
    pub fn start_for(agent: &Agent, listens_in: &Namespace) -> Result<Self> {
        let mut responder = Self::prepare(agent, listens_in);
        responder.run()?;
        responder.wait_for_listener()?;
        Ok(responder)
    }

    /// A responder that is not started yet.
    pub fn prepare(agent: &Agent, listens_in: &Namespace) -> Self {
        Self {
            daemon: None,
            agent_program: agent.program().to_owned(),
            socket: agent.responder_socket(),
            log: agent.folder().join("responder.log"),
            host: agent.host().clone(),
            listens_in: listens_in.clone(),
        }
    }

    /// Starts it and does not wait: its agent may not be there yet.
    pub fn run(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "the responder runs already");
        self.daemon = Some(Daemon::start(&mut self.run_command(), &self.log)?);
        Ok(())
    }

    /// What starts it.
    pub fn run_command(&self) -> Command {
        let mut command = self.host.command(&self.agent_program);
        command.args(["responder", "--user", GuardConfig::RESPONDER_USER, "--responder-socket"]).arg(&self.socket);
        command
    }

    /// Waits until it holds a listening socket.
    pub fn wait_for_listener(&mut self) -> Result<()> {
        let daemon = self.daemon.as_mut().context("the responder does not run")?;
        let (process, namespace) = (Process::of(daemon.pid()), &self.listens_in);
        daemon
            .wait_until(Self::LIMIT, || listens(process, namespace).unwrap_or(false))
            .context("starting the responder")
    }

    /// Ends it as a service manager does, and waits.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.end(Signal::SIGTERM)
    }

    /// Kills it without a warning.
    pub fn kill9(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL).map(drop)
    }

    fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        self.daemon.take().context("the responder does not run")?.end(signal).context("ending the responder")
    }

    /// What the kernel says of it, while it runs.
    pub fn process(&self) -> Result<Process> {
        Ok(Process::of(self.daemon.as_ref().context("the responder does not run")?.pid()))
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> Result<bool> {
        match &mut self.daemon {
            Some(daemon) => Ok(daemon.ended()?.is_none()),
            None => Ok(false),
        }
    }

    /// What it printed since it was first started.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// `TCP_LISTEN`, as `/proc/net/tcp` prints it.
const LISTEN: &str = "0A";

/// Whether the process has a descriptor of a socket that listens in the namespace.
fn listens(process: Process, namespace: &Namespace) -> Result<bool> {
    let listeners: BTreeSet<String> = namespace.within(|| {
        let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")));
        tables.into_iter().flatten().flat_map(|table| listeners_in(&table)).collect()
    })?;
    Ok(process.open_files()?.iter().any(|file| listeners.contains(&*file.to_string_lossy())))
}

/// The listening sockets of a table, spelled like links in `/proc/PID/fd`.
fn listeners_in(table: &str) -> Vec<String> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (*fields.get(3)? == LISTEN).then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    };
    table.lines().skip(1).filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0A7100CB:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n   \
                     1: 0A7100CB:01BB 086433C6:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n";
        assert_eq!(listeners_in(table), ["socket:[4711]"]);
    }
}
