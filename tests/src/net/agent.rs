use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::daemon::Daemon;
use super::namespace::Namespace;
use super::network::Network;
use super::timed::{self, Ran};

/// The agent under test, in the registry's host, with state, pins and socket of its own.
#[derive(Debug)]
pub struct Agent {
    daemon: Option<Daemon>,
    host: Namespace,
    program: PathBuf,
    folder: PathBuf,
    pins: PathBuf,
    log_filter: Option<&'static str>,
    user: Option<User>,
    environment: Vec<(&'static str, OsString)>,
}

/// Whom the agent runs as, if not as root: with three capabilities and no more.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    groups: &'static str,
}

impl User {
    /// What starts a program as this user.
    fn starter(&self) -> Vec<OsString> {
        let uid = self.uid.to_string();
        let mut words = vec!["setpriv", "--reuid", &uid, "--regid", &uid, "--groups", self.groups, "--no-new-privs"];
        for set in ["--bounding-set", "--inh-caps", "--ambient-caps"] {
            words.extend([set, "-all,+bpf,+net_admin,+perfmon"]);
        }
        words.into_iter().map(OsString::from).collect()
    }
}

impl Agent {
    const RESPONDER_SOCKET: &str = "REGISTRY_GUARD_RESPONDER_SOCKET";

    /// How long the agent may take to answer, and a command to end.
    const LIMIT: Duration = Duration::from_mins(1);

    /// Starts an agent with this `config.toml` and waits until it answers.
    pub fn start(network: &Network, config: &str) -> Result<Self> {
        let mut agent = Self::prepare(network, "agent", config)?;
        agent.run()?;
        Ok(agent)
    }

    /// An agent called `name` that is not started yet; of each network and name there is one.
    pub fn prepare(network: &Network, name: &str, config: &str) -> Result<Self> {
        let folder = network.folder().join(name);
        let pins = network.bpffs().join(name);
        for folder in [&folder, &pins] {
            fs::create_dir(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let agent = Self {
            daemon: None,
            host: network.host().clone(),
            program: program()?,
            folder,
            pins,
            log_filter: None,
            user: None,
            environment: Vec::new(),
        };
        agent.configure(config)?;
        Ok(agent)
    }

    /// Writes another `config.toml`, which counts from the next start.
    pub fn configure(&self, config: &str) -> Result<()> {
        fs::write(self.config(), config).with_context(|| format!("writing {}", self.config().display()))
    }

    /// Starts the agent and waits until it answers.
    pub fn run(&mut self) -> Result<()> {
        self.run_through(&[])
    }

    /// The same by another program, whose arguments end with the agent's command line.
    pub fn run_through(&mut self, starter: &[&str]) -> Result<()> {
        ensure!(self.daemon.is_none(), "the agent runs already");
        let mut daemon = Daemon::start(&mut self.run_command_through(starter), &self.folder.join("log"))?;
        daemon
            .wait_until(Self::LIMIT, || self.listens() && self.cli(["status"]).is_ok_and(|ran| ran.success()))
            .context("starting the agent")?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Whether somebody listens at the control socket, which costs less to see than to ask.
    fn listens(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }

    /// What is started from now on.
    pub fn install(&mut self, program: &Path) {
        program.clone_into(&mut self.program);
    }

    /// What starts the agent; for tests that want to see it fail.
    pub fn run_command(&self) -> Command {
        self.run_command_through(&[])
    }

    fn run_command_through(&self, starter: &[&str]) -> Command {
        let user = self.user.iter().flat_map(User::starter);
        let starter = starter.iter().map(OsString::from).chain(user);
        let mut words = starter.chain([self.program.as_os_str().to_owned(), OsString::from("run")]);
        let mut command = self.host.command(words.next().unwrap_or_default());
        command.args(words).envs(self.environment.iter().map(|(name, value)| (name, value)));
        for (flag, value) in [
            ("--config", self.config()),
            ("--state", self.state()),
            ("--pins", self.pins.clone()),
            ("--socket", self.socket()),
        ] {
            command.arg(flag).arg(value);
        }
        command.env(Self::RESPONDER_SOCKET, self.responder_socket());
        if let Some(filter) = self.log_filter {
            command.env("REGISTRY_GUARD_LOG", filter);
        }
        command
    }

    /// Where it pins from the next start on.
    pub fn pin_at(&mut self, pins: &Path) {
        pins.clone_into(&mut self.pins);
    }

    /// Has it run as this user from the next start on, a member of these groups too, with `CAP_BPF`, `CAP_NET_ADMIN` and `CAP_PERFMON`
    /// and no other capability. Its folders become that user's.
    pub fn run_as(&mut self, uid: u32, groups: &'static str) -> Result<()> {
        // The bpffs itself is root's.
        fs::set_permissions(self.pins.parent().context("no bpffs")?, Permissions::from_mode(0o711))?;
        for folder in [&self.folder, &self.pins] {
            chown(folder, Some(uid), Some(uid)).with_context(|| format!("giving {} away", folder.display()))?;
        }
        self.user = Some(User { uid, groups });
        Ok(())
    }

    /// What stands in its environment from the next start on.
    pub fn environment(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }

    /// What it logs from the next start on, as `REGISTRY_GUARD_LOG` says it.
    pub fn log_filter(&mut self, filter: &'static str) {
        self.log_filter = Some(filter);
    }

    /// A command of the CLI that talks to this agent.
    pub fn cli_command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = self.host.command(&self.program);
        command
            .args(arguments)
            .env("REGISTRY_GUARD_CONFIG", self.config())
            .env("REGISTRY_GUARD_STATE", self.state())
            .env("REGISTRY_GUARD_PINS", &self.pins)
            .env("REGISTRY_GUARD_SOCKET", self.socket())
            .env(Self::RESPONDER_SOCKET, self.responder_socket());
        command
    }

    /// Runs a command of the CLI, whatever comes of it.
    pub fn cli(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Ran> {
        timed::run(&mut self.cli_command(arguments), Self::LIMIT)
    }

    /// Runs a command of the CLI that must succeed; returns the JSON that it prints, or null if it prints nothing.
    pub fn json(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Value> {
        let mut command = self.cli_command(arguments);
        let ran = timed::run(&mut command, Self::LIMIT)?;
        let ran = ran.expect_success().with_context(|| format!("{command:?}"))?;
        if ran.stdout.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&ran.stdout).with_context(|| format!("{command:?} printed {}", ran.stdout))
    }

    /// Ends the agent as a service manager does, and waits.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let mut daemon = self.daemon.take().context("the agent does not run")?;
        daemon.end(Signal::SIGTERM).context("stopping the agent")
    }

    /// Stops the agent and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.run()
    }

    /// Kills the agent without a warning.
    pub fn kill9(&mut self) -> Result<()> {
        let mut daemon = self.daemon.take().context("the agent does not run")?;
        daemon.end(Signal::SIGKILL)?;
        Ok(())
    }

    /// Whether it has ended by itself; then it can be started again.
    pub fn has_ended(&mut self) -> Result<bool> {
        let daemon = self.daemon.as_mut().context("the agent does not run")?;
        let ended = daemon.ended()?.is_some();
        if ended {
            self.daemon = None;
        }
        Ok(ended)
    }

    /// The id of the process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Daemon::pid)
    }

    /// What the agent printed since it was first started.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("log")).unwrap_or_default()).into_owned()
    }

    /// The `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// The folder of the policy store.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The folder of the pins, in the network's bpffs.
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// The program under test.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The program under test, where there is no agent.
    pub fn built() -> Result<PathBuf> {
        program()
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// The socket at which the responder gets what it needs.
    pub fn responder_socket(&self) -> PathBuf {
        self.folder.join("responder.sock")
    }

    /// Its folder, in which a responder keeps its log.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it runs.
    pub(super) fn host(&self) -> &Namespace {
        &self.host
    }
}

/// Another build of the program: its maps have another layout, or only its programs are others. `cargo xtask test` makes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnotherBuild {
    /// Its maps mean something else.
    Layout,
    /// The same maps, other programs.
    Program,
}

impl AnotherBuild {
    /// Where it is, unless these tests were started without `cargo xtask test`.
    pub fn path(self) -> Option<PathBuf> {
        let variable = match self {
            Self::Layout => "REGISTRY_GUARD_BIN_ANOTHER_LAYOUT",
            Self::Program => "REGISTRY_GUARD_BIN_ANOTHER_PROGRAM",
        };
        env::var_os(variable).map(PathBuf::from)
    }
}

/// The program under test: `REGISTRY_GUARD_BIN`, or the one that was built beside the running test.
pub fn program() -> Result<PathBuf> {
    if let Some(program) = env::var_os("REGISTRY_GUARD_BIN") {
        return Ok(program.into());
    }
    let test = env::current_exe()?;
    let built = test.ancestors().skip(1).take(2).map(|folder| folder.join("registry-guard"));
    let found = built.clone().find(|program| program.is_file());
    found.with_context(|| {
        let tried: Vec<String> = built.map(|program| program.display().to_string()).collect();
        format!("no registry-guard at {}; build it, or name it in REGISTRY_GUARD_BIN", tried.join(" or "))
    })
}
