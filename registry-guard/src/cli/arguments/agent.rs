//! `run`, `reload`, `status`, `detach`.

use std::path::PathBuf;

use clap::Args;

use super::output::OutputArguments;
use super::paths;

/// `run`
#[derive(Debug, Args)]
#[command(after_help = "\
Denied clients are told why by `registry-guard responder`, which runs beside it. Stops on SIGTERM or SIGINT; the kernel keeps \
enforcing, and starting again opens no gap. On SIGHUP it does what `registry-guard reload` asks for. Exits with 1 if it cannot start; \
nothing has changed then. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; CAP_SYS_ADMIN only to mount the bpffs at --pins where there \
is none, and for registries with a network namespace of their own.

As a service it tells its manager that it is ready once everything is in force, and that it is alive each time after it has seen that \
the kernel still decides (`Type=notify`, `WatchdogSec=`).

Environment:
  REGISTRY_GUARD_LOG  how much is logged to standard error: error, warn, info (the default), debug or trace

Example:
  registry-guard run --config /etc/registry-guard/config.toml")]
pub(crate) struct RunArguments {
    /// The host's facts: interfaces, VXLAN, registries
    #[arg(long, value_name = "FILE", env = "REGISTRY_GUARD_CONFIG", default_value = paths::CONFIG)]
    pub(crate) config: PathBuf,
    /// The folder of the policy store
    #[arg(long, value_name = "FOLDER", env = "REGISTRY_GUARD_STATE", default_value = paths::STATE)]
    pub(crate) state: PathBuf,
    /// The bpffs of this agent, mounted if need be
    #[arg(long, value_name = "FOLDER", env = "REGISTRY_GUARD_PINS", default_value = paths::PINS)]
    pub(crate) pins: PathBuf,
    /// The Unix socket for the responder
    #[arg(
        long,
        value_name = "PATH",
        env = "REGISTRY_GUARD_RESPONDER_SOCKET",
        default_value = paths::RESPONDER_SOCKET
    )]
    pub(crate) responder_socket: PathBuf,
}

/// `reload`
#[derive(Debug, Args)]
#[command(after_help = "\
Has the agent become the binary that is installed now, with what config.toml says now, and prints the status of that. The kernel goes \
on deciding meanwhile; commands that come meanwhile wait. If config.toml is refused, or the kernel refuses the programs of the new \
binary, what was in force stays in force; exits with 1 then.

Example:
  registry-guard reload --query \"[state, version]\" --output tsv")]
pub(crate) struct ReloadArguments {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `status`
#[derive(Debug, Args)]
#[command(after_help = "\
ENFORCING: all that was asked for. DEGRADED: something is not as it should be, and `problems` says what. OPEN: nothing is \
enforced. Exits with 0 whatever the state is, and with 1 if there is no agent to ask.

Examples:
  registry-guard status --output table
  registry-guard status --query state --output tsv
  registry-guard status --query \"problems[]\" --output tsv
  registry-guard status --query \"registries[].outcomes\"")]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `detach`
#[derive(Debug, Args)]
#[command(after_help = "\
Afterwards every source reaches the guarded registries. Works without an agent: then the pinned links are removed here.
`registry-guard run` protects again.

Example:
  registry-guard detach")]
pub(crate) struct DetachArguments {
    /// The bpffs whose links are removed when no agent answers on the socket
    #[arg(long, value_name = "FOLDER", env = "REGISTRY_GUARD_PINS", default_value = paths::PINS)]
    pub(crate) pins: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
