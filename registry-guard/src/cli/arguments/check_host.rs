//! `check-host`

use std::path::PathBuf;

use clap::Args;

use super::output::OutputArguments;
use super::paths;

/// `check-host`
#[derive(Debug, Args)]
#[command(after_help = "\
Reads config.toml and has the kernel look at the programs, but puts nothing in force and asks no agent. `registry-guard reload` does \
this with the binary that is installed before that takes over. Exits with 1 if the file is refused, a certificate of the API over TLS \
cannot be used, or the kernel refuses a program. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.

Example:
  registry-guard check-host --config /etc/registry-guard/config.toml")]
pub(crate) struct CheckHostArguments {
    /// The host's facts: interfaces, VXLAN, registries
    #[arg(long, value_name = "FILE", env = "REGISTRY_GUARD_CONFIG", default_value = paths::CONFIG)]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
