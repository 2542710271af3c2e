//! What can be typed: one file per group of commands.

mod agent;
mod change_terms;
mod check;
mod check_health;
mod check_host;
mod client_rules;
mod completions;
mod events;
mod history;
mod management;
mod manual;
mod network_rule;
mod operation;
mod output;
mod paths;
mod policy;
mod private_endpoint;
mod registry;
mod responder;
mod revision;
mod service_tag;
mod subnet;
mod virtual_network;

#[cfg(test)]
mod help_tests;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use agent::RunArguments;
pub(crate) use change_terms::ChangeTerms;
pub(crate) use check_health::CheckHealthArguments;
pub(crate) use client_rules::Firewall;
pub(crate) use management::ManagementCommand;
pub(crate) use network_rule::{Action, NetworkRuleCommand, RuleSource};
pub(crate) use operation::OperationCommand;
pub(crate) use output::{Format, OutputArguments};
pub(crate) use private_endpoint::{Decision, EndpointArguments, PrivateEndpointCommand};
pub(crate) use registry::Settings;
pub(crate) use responder::ResponderArguments;
pub(crate) use revision::Revision;
pub(crate) use service_tag::ServiceTagCommand;
pub(crate) use subnet::{SubnetCommand, SubnetSettings};
pub(crate) use virtual_network::{NetworkCommand, NetworkSettings, VirtualNetworkCommand};

use agent::{DetachArguments, ReloadArguments, StatusArguments};
use check::CheckArguments;
use check_host::CheckHostArguments;
use client_rules::ClientRulesArguments;
use completions::CompletionsArguments;
use events::EventsArguments;
use history::{ConfirmArguments, DiffArguments, HistoryArguments, RollbackArguments};
use manual::ManualArguments;
use policy::{ApplyArguments, ExportArguments, RestoreArguments};
use registry::{ListArguments, ShowArguments, ShowEndpointsArguments, UpdateArguments};

/// The program's name.
pub(crate) const PROGRAM: &str = "registry-guard";

/// Lets only the networks its owner names reach a container registry, decided in the kernel.
///
/// `registry-guard run` is the daemon, `registry-guard responder` the process beside it that tells denied clients why; every
/// other command asks the daemon through its socket. Verbs, flags, output and exit codes are those of `az acr`.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The agent's Unix socket for commands
    #[arg(long, global = true, value_name = "PATH", env = "REGISTRY_GUARD_SOCKET", default_value = paths::SOCKET)]
    pub(crate) socket: PathBuf,
    /// How many seconds the agent may give no sign of life; while it does, a long change is waited for
    #[arg(long, global = true, value_name = "SECONDS", env = "REGISTRY_GUARD_TIMEOUT", default_value = "30", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) agent_timeout: u32,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What stands at the end of the help.
pub(crate) const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  refused, or the agent cannot be reached; the reason is on standard error
  2  the arguments cannot mean anything
  3  not found

Examples:
  registry-guard list --output table
  registry-guard network-rule add --name contoso --ip-address 203.0.113.0/24
  registry-guard check --name contoso --source 203.0.113.9";

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon in the foreground
    Run(RunArguments),
    /// Run the process that tells denied clients why, in the foreground
    Responder(ResponderArguments),
    /// Have the agent become the installed binary, with what config.toml says now
    Reload(ReloadArguments),
    /// Show one registry: its settings and its network rules
    Show(ShowArguments),
    /// List the registries that this host guards
    List(ListArguments),
    /// Change a registry's settings; what is not named stays as it is
    Update(UpdateArguments),
    /// Put a registry back to default access, or the whole policy back to a good copy
    Restore(RestoreArguments),
    /// Print the policy as a document
    Export(ExportArguments),
    /// Make the policy what a document says, in one step
    Apply(ApplyArguments),
    /// List the revisions of the policy: who changed what, when, and from where
    History(HistoryArguments),
    /// Show how two revisions of the policy differ
    Diff(DiffArguments),
    /// Make the policy what it was at an earlier revision
    Rollback(RollbackArguments),
    /// Let a change stand that would be taken back by itself
    Confirm(ConfirmArguments),
    /// List, show and wait for changes that take long
    #[command(subcommand)]
    Operation(OperationCommand),
    /// Show the host names that a client needs to reach
    ShowEndpoints(ShowEndpointsArguments),
    /// Print what a client's own firewall must allow
    ClientRules(ClientRulesArguments),
    /// Add, list and remove the networks that may reach a registry
    #[command(subcommand)]
    NetworkRule(NetworkRuleCommand),
    /// Import, list and show service tags: the published prefixes of services, which rules can name
    #[command(subcommand)]
    ServiceTag(ServiceTagCommand),
    /// Let virtual networks reach a registry at private addresses, past all rules
    #[command(subcommand)]
    PrivateEndpointConnection(PrivateEndpointCommand),
    /// Describe virtual networks (VXLAN) and their subnets
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Ask the program loaded in the kernel what it does with a source
    Check(CheckArguments),
    /// Look whether this machine can use a registry, and what to do if not
    CheckHealth(CheckHealthArguments),
    /// Look whether an agent could start on this host: config.toml, and the kernel
    CheckHost(CheckHostArguments),
    /// Show whether everything is guarded, what is wrong if not, and the counters
    Status(StatusArguments),
    /// Show who was denied lately, or follow who is denied now
    Events(EventsArguments),
    /// Prepare what config.toml says of the API over TLS
    #[command(subcommand)]
    Management(ManagementCommand),
    /// Stop enforcing: the only command that takes protection away
    Detach(DetachArguments),
    /// Print the script by which a shell completes these commands
    #[command(visible_alias = "completion")]
    Completions(CompletionsArguments),
    /// Print the manual page of a command, or write all of them
    Man(ManualArguments),
}
